"""The three kinds of request are told apart like serde's untagged enum."""

from __future__ import annotations

import json

import pytest

from endpoints.local.model_server.errors import UndecodableError
from endpoints.local.model_server.schemas import (
    ChatRequest,
    CompletionRequest,
    GenerateRequest,
    parse_invocation,
)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"inputs": "x"}, GenerateRequest),
        ({"inputs": "x", "messages": []}, GenerateRequest),  # the first kind that fits wins
        ({"messages": [{"role": "user", "content": "x"}], "unknown": 1}, ChatRequest),
        ({"prompt": "x"}, CompletionRequest),
        ({"prompt": ["x", "y"]}, CompletionRequest),
        ({"inputs": 1, "prompt": "x"}, CompletionRequest),
    ],
)
def test_kinds(document: object, kind: type) -> None:
    assert type(parse_invocation(json.dumps(document).encode())) is kind


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"inputs": "x", "parameters": {"max_new_tokens": "5"}}, "parameters.max_new_tokens"),
        ({"inputs": "x", "parameters": {"max_new_tokens": -1}}, "parameters.max_new_tokens"),
        ({"inputs": "x", "parameters": None}, "parameters"),
        ({"messages": [{"role": "user", "content": "x"}], "stop": "."}, "stop"),  # TGI wants a list
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({}, "none of `inputs`, `messages` and `prompt`"),
    ],
)
def test_what_fits_no_kind_says_which_field_is_wrong(document: object, fault: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        parse_invocation(json.dumps(document).encode())
    assert caught.value.status == 422
    assert "data did not match any variant of untagged enum SagemakerRequest" in caught.value.message
    assert fault in caught.value.message


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(UndecodableError) as caught:
        parse_invocation(body)
    assert caught.value.status == 400


def test_json_that_is_no_object_fits_no_kind() -> None:
    with pytest.raises(UndecodableError, match="untagged enum"):
        parse_invocation(b"[1]")
