"""The API's authorizer: it reads a key where callers send it, gives it to API Gateway alone, and never breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.authorizer.handler import NOBODY, caller_of, handler, key_of

KEY = "k" * 40
METHOD = "arn:aws:execute-api:us-east-1:123456789012:abc123/api/POST/v1/chat/completions"


def _event(headers: Any) -> dict[str, Any]:
    return {"type": "REQUEST", "methodArn": METHOD, "headers": headers, "requestContext": {"stage": "api"}}


def _effect(answer: dict[str, Any]) -> str:
    (statement,) = answer["policyDocument"]["Statement"]
    return str(statement["Effect"])


# Where a key is found


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer   {KEY} "},
        {"AUTHORIZATION": f"BEARER {KEY}"},
        {"x-api-key": KEY},
        {"X-API-Key": f" {KEY} "},
    ],
)
def test_a_key_is_found_where_openais_sdks_and_older_callers_send_it(headers: dict[str, str]) -> None:
    assert key_of(headers) == KEY


def test_the_header_for_keys_wins_over_a_placeholder_in_the_other() -> None:
    assert key_of({"authorization": "Bearer unused", "x-api-key": KEY}) == KEY


def test_an_unusable_key_header_leaves_the_other_one() -> None:
    assert key_of({"authorization": f"Bearer {KEY}", "x-api-key": ""}) == KEY


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        {},
        {"authorization": KEY},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {KEY} {KEY}"},
        {"authorization": "Bearer " + "k" * 129},
        {"x-api-key": "k" * 10_000},
        {"x-api-key": "zwölf"},
        {"x-api-key": f"{KEY}\n{KEY}"},
        {"x-api-key": None},
        {"authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request"},
    ],
)
def test_what_is_no_key_is_denied_and_no_key_is_named(headers: Any) -> None:
    answer = handler(_event(headers))

    assert _effect(answer) == "Deny"
    assert answer["principalId"] == NOBODY
    assert "usageIdentifierKey" not in answer


# What is answered


def test_the_answer_has_the_documented_shape() -> None:
    answer = handler(_event({"authorization": f"Bearer {KEY}"}))

    assert answer == {
        "principalId": caller_of(KEY),
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": "arn:aws:execute-api:us-east-1:123456789012:abc123/api/*",
                }
            ],
        },
        "context": {"caller": caller_of(KEY)},
        "usageIdentifierKey": KEY,
    }
    assert all(isinstance(value, str) for value in answer["context"].values())  # nested values are refused


def test_a_caller_keeps_the_name_and_two_callers_never_share_one() -> None:
    assert caller_of(KEY) == caller_of(KEY)
    assert caller_of(KEY) != caller_of(KEY + "k")


def test_the_key_is_in_the_one_member_that_api_gateway_reads_and_in_no_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = handler(_event({"authorization": f"Bearer {KEY}"}))
    answer.pop("usageIdentifierKey")

    assert KEY not in json.dumps(answer)
    written = capsys.readouterr()
    assert written.out + written.err == ""


@pytest.mark.parametrize("method_arn", [None, "", "x", "arn:aws:execute-api:us-east-1:1:api", 5])
def test_an_event_without_a_method_opens_nothing(method_arn: Any) -> None:
    answer = handler({**_event({"x-api-key": KEY}), "methodArn": method_arn})

    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Resource"] == "arn:aws:execute-api:::none"


_TEXT = st.text(max_size=300)
_NAMES = st.sampled_from(["authorization", "Authorization", "x-api-key", "X-Api-Key"]) | _TEXT
_VALUES = (
    _TEXT
    | st.builds("{} {}".format, st.sampled_from(["Bearer", "bearer", "Basic"]), _TEXT)
    | st.none()
    | st.lists(_TEXT)
)


@given(headers=st.dictionaries(_NAMES, _VALUES, max_size=6) | st.none() | st.lists(_TEXT) | _TEXT)
def test_whatever_is_sent_the_answer_is_whole_small_and_names_a_key_only_with_allow(headers: Any) -> None:
    answer = handler(_event(headers))

    assert len(json.dumps(answer)) < 2000  # API Gateway takes 8 KB of policy
    assert (_effect(answer) == "Allow") == ("usageIdentifierKey" in answer)
    if key := answer.get("usageIdentifierKey"):
        assert 1 <= len(key) <= 128
        assert key.isascii()
        assert key.isprintable()
