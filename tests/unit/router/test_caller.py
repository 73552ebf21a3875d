"""Who calls, as API Gateway tells it: an id that stays, and never the key."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.router.gateway_context import caller_of


@pytest.mark.parametrize(
    ("context", "caller"),
    [
        ({"identity": {"apiKey": "secret", "apiKeyId": "abc"}, "authorizer": {"caller": "key-1"}}, "abc"),
        ({"identity": {"apiKey": "secret"}, "authorizer": {"caller": "key-1"}}, "key-1"),
        ({"identity": {"userArn": "arn:aws:iam::1:role/app"}}, "arn:aws:iam::1:role/app"),
        ({"identity": {"apiKey": "secret"}}, None),
        ({"identity": None, "authorizer": "x"}, None),
        ({}, None),
    ],
)
def test_a_caller_is_named_by_the_best_id_there_is(context: dict[str, Any], caller: str | None) -> None:
    assert caller_of(context) == caller
