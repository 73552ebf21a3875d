"""TGI's own schema: `POST /use-cases/{use_case}/invoke`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.router.messages import Request
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import ask, decoded_events, error_of, events

GENERATION = json.dumps([{"generated_text": "hi", "details": {"generated_tokens": 2}}]).encode()
TOKEN: dict[str, Any] = {
    "index": 1,
    "token": {"id": 1, "text": "hi"},
    "generated_text": None,
    "details": None,
}
LAST = TOKEN | {"generated_text": "hi", "details": {"generated_tokens": 1}}


def invoke(body: object, use_case: str = "query-enhancement", **query: str) -> Request:
    raw = json.dumps(body).encode()
    return Request("POST", f"/use-cases/{use_case}/invoke", query=query, body=raw, request_id="req-1")


def test_the_containers_answer_passes_unchanged() -> None:
    response, trace = ask(invoke({"inputs": "x"}), FakeUpstream(primary=GENERATION))
    assert response.status == 200
    assert response.body == GENERATION
    assert response.headers["x-adept-candidate"] == "primary"
    assert trace.completion_tokens == 2


def test_parameters_reach_the_engine_with_the_use_cases_limit_as_default() -> None:
    upstream = FakeUpstream(primary=GENERATION)
    ask(invoke({"inputs": "x", "parameters": {"temperature": 0.5, "seed": None}}), upstream)
    assert upstream.body() == {"inputs": "x", "parameters": {"temperature": 0.5, "max_new_tokens": 100}}


def test_a_candidate_can_be_named_in_the_query() -> None:
    upstream = FakeUpstream(primary=GENERATION, alternative=GENERATION)
    ask(invoke({"inputs": "x"}, candidate="alternative"), upstream)
    assert upstream.asked == ["alternative"]


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (invoke({"inputs": "x"}, candidate="third"), "candidate"),
        (invoke({"inputs": "x"}, use_case="nowhere"), "use_case"),
    ],
)
def test_what_is_not_there_is_named_by_where_the_address_says_it(request_: Request, param: str) -> None:
    response, _ = ask(request_)
    assert response.status == 404
    assert (error_of(response)["code"], error_of(response)["param"]) == ("model_not_found", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "inputs"),
        ({"inputs": ""}, "inputs"),
        ({"inputs": ["x"]}, "inputs"),
        ({"inputs": "x", "parameters": []}, "parameters"),
        ({"inputs": "x", "parameters": {"max_new_tokens": 101}}, "parameters.max_new_tokens"),
        ({"inputs": "x", "stream": 1}, "stream"),
    ],
)
def test_what_tgi_could_not_serve_is_refused_with_its_parameter(body: object, param: str) -> None:
    response, _ = ask(invoke(body), FakeUpstream())
    assert response.status == 400
    assert error_of(response)["param"] == param


def test_a_use_case_on_vllm_says_that_it_does_not_know_this_schema() -> None:
    response, _ = ask(invoke({"inputs": "x"}, "job-parsing"), FakeUpstream())
    assert response.status == 400
    assert "/v1/chat/completions" in error_of(response)["message"]


def test_a_stream_ends_with_generated_text() -> None:
    response, _ = ask(
        invoke({"inputs": "x", "stream": True}), FakeUpstream(primary=events(TOKEN, LAST, done=False))
    )
    assert decoded_events(response.body) == [TOKEN, LAST]


@pytest.mark.parametrize(
    "stream",
    [b"", events(TOKEN, done=False), events(TOKEN, {"error": "gpu lost", "error_type": "generation"})],
)
def test_a_stream_without_its_end_falls_over(stream: bytes) -> None:
    good = events(LAST, done=False)
    response, _ = ask(invoke({"inputs": "x", "stream": True}), FakeUpstream(primary=stream, alternative=good))
    assert response.headers["x-adept-candidate"] == "alternative"


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"[{}]", b"nothing", b'[{"generated_text": 1}]'])
def test_an_answer_without_generated_text_falls_over(answer: bytes) -> None:
    response, _ = ask(invoke({"inputs": "x"}), FakeUpstream(primary=answer, alternative=GENERATION))
    assert response.headers["x-adept-candidate"] == "alternative"
