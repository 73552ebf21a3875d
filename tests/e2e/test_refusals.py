"""Bad input gets an OpenAI-shaped error with the right status, whoever refuses it: the gateway or the router."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from endpoints.catalogue import load_catalogue
from tests.e2e.conftest import System

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "hello"}]


def _error(response: Any) -> dict[str, Any]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return dict(error)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{not json", 400),
        (b"", 400),
        (b"[]", 400),
        (b'{"model": "query-enhancement"}', 400),
        (b'{"model": "query-enhancement", "messages": []}', 400),
        (b'{"model": "query-enhancement", "messages": [{"role": "user", "content": "x"}], "n": 2}', 400),
        (b'{"model": "no-such-use-case", "messages": [{"role": "user", "content": "x"}]}', 404),
        (b'{"model": "query-enhancement:best", "messages": [{"role": "user", "content": "x"}]}', 404),
    ],
)
def test_a_bad_chat_request_is_refused_in_openais_shape(system: System, body: bytes, status: int) -> None:
    with system.http() as client:
        response = client.post(CHAT, content=body, headers={"content-type": "application/json"})

    assert response.status_code == status, response.text
    assert _error(response)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": "Basic d3Jvbmc6"}],
    ids=["no key", "wrong key", "wrong bearer", "another scheme"],
)
def test_a_request_without_a_valid_key_is_refused(system: System, headers: dict[str, str]) -> None:
    with system.http() as client:
        del client.headers["x-api-key"]
        response = client.post(CHAT, json={"model": "job-parsing", "messages": QUESTION}, headers=headers)

    assert response.status_code == 401
    assert _error(response)["code"] == "invalid_api_key"


def test_the_openai_sdk_raises_its_own_error_for_a_wrong_key(system: System) -> None:
    url = f"{system.access.base_url}/v1"
    with (
        openai.OpenAI(base_url=url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()

    assert refused.value.code == "invalid_api_key"


def test_a_wrong_method_is_refused_and_the_allowed_one_named(system: System) -> None:
    with system.http() as client:
        response = client.delete(CHAT)

    assert response.status_code == 405
    assert "POST" in response.headers["allow"]
    _error(response)


def test_an_unknown_path_is_refused(system: System) -> None:
    with system.http() as client:
        response = client.get("/v2/anything")

    assert response.status_code == 404
    _error(response)


def test_a_body_over_the_use_cases_limit_is_refused(system: System) -> None:
    limit = load_catalogue().use_case("query-enhancement").limits.max_body_bytes
    with system.http() as client:
        response = client.post(
            CHAT,
            json={"model": "query-enhancement", "messages": [{"role": "user", "content": "x" * limit}]},
        )

    assert response.status_code == 413
    _error(response)


def test_more_tokens_than_the_use_case_allows_are_refused_not_clamped(system: System) -> None:
    limit = load_catalogue().use_case("query-enhancement").limits.max_output_tokens
    with system.http() as client:
        response = client.post(
            CHAT, json={"model": "query-enhancement", "messages": QUESTION, "max_tokens": limit + 1}
        )

    assert response.status_code == 400
    assert _error(response)["param"] == "max_tokens"
