"""Paths, methods, and the operations that ask no model."""

from __future__ import annotations

import json
from typing import cast

import pytest
from openai.types import Model

from lambdas.router.listing import list_models
from lambdas.router.messages import Request
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import PRIMARY_MODEL, ask, error_of, table


def get(path: str, method: str = "GET") -> Request:
    return Request(method, path, request_id="req-1")


@pytest.mark.parametrize(
    "path",
    ["/", "", "/v1", "/v1/embeddings", "/use-cases//invoke", "/use-cases/a/b/invoke", "/v1/models/a/b"],
)
def test_an_unknown_path_is_404_and_says_what_there_is(path: str) -> None:
    response, _ = ask(get(path))
    assert response.status == 404
    assert "/v1/chat/completions" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST, OPTIONS"),
        ("HEAD", "/use-cases/query-enhancement/invoke", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/models/x", "GET, HEAD, OPTIONS"),
        ("PUT", "/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(method: str, path: str, allowed: str) -> None:
    response, _ = ask(get(path, method))
    assert response.status == 405
    assert response.headers["allow"] == allowed
    if method != "HEAD":
        assert error_of(response)["code"] == "method_not_allowed"


def test_options_answers_what_a_path_takes() -> None:
    response, _ = ask(get("/v1/chat/completions", "OPTIONS"))
    assert (response.status, response.body, response.headers["allow"]) == (204, b"", "POST, OPTIONS")


def test_head_answers_as_get_without_a_body() -> None:
    response, _ = ask(get("/health", "HEAD"))
    assert (response.status, response.body) == (200, b"")


def test_health_asks_no_model() -> None:
    upstream = FakeUpstream()
    response, _ = ask(get("/health/"), upstream)
    assert json.loads(response.body) == {
        "status": "ok",
        "environment": "test",
        "use_cases": ["job-parsing", "query-enhancement"],
    }
    assert upstream.asked == []


def test_the_list_holds_every_use_case_and_candidate_in_openais_schema() -> None:
    response, _ = ask(get("/v1/models"))
    listing = json.loads(response.body)
    models = [Model.model_validate(entry, strict=True) for entry in listing["data"]]
    assert listing["object"] == "list"
    assert [model.id for model in models] == [
        "query-enhancement",
        "query-enhancement:primary",
        "query-enhancement:alternative",
        "job-parsing",
        "job-parsing:primary",
    ]
    assert {model.owned_by for model in models} == {"adept"}
    assert listing["data"][0]["model_id"] == PRIMARY_MODEL
    assert listing["data"][3]["engine"] == "vllm"


@pytest.mark.parametrize("model", ["query-enhancement:alternative", "query-enhancement%3Aalternative"])
def test_one_model_can_be_looked_up(model: str) -> None:
    response, _ = ask(get(f"/v1/models/{model}"))
    assert Model.model_validate(json.loads(response.body)).id == "query-enhancement:alternative"
    assert ask(get("/v1/models/nothing"))[0].status == 404


def test_each_candidate_says_what_it_is_and_how_it_is() -> None:
    response, _ = ask(get("/v1/models/query-enhancement"))
    use_case = json.loads(response.body)
    assert [each["role"] for each in use_case["candidates"]] == ["primary", "alternative"]
    assert use_case["candidates"][0] == {
        "role": "primary",
        "model_id": PRIMARY_MODEL,
        "engine": "tgi",
        "max_total_tokens": 4096,
        "licence": "permissive",
        "languages": ["en"],
        "tool_calls": True,
        "state": "closed",
    }
    candidate = json.loads(ask(get("/v1/models/query-enhancement:alternative"))[0].body)
    assert (candidate["candidate"], candidate["state"]) == ("alternative", "closed")
    assert "candidates" not in candidate


def test_the_state_is_the_circuit_breakers() -> None:
    listing = list_models(table(), lambda candidate: "open" if candidate.role == "primary" else "closed")
    states = {entry["id"]: entry["state"] for entry in cast("list[dict[str, str]]", listing["data"])}
    assert states["query-enhancement:primary"] == "open"
    assert states["query-enhancement:alternative"] == "closed"
