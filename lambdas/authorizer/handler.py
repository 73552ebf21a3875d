"""The Lambda authorizer of the REST API: `handler.handler`.

API Gateway knows keys in `x-api-key` alone; OpenAI's SDKs send `Authorization: Bearer`. This function reads either
and hands the key to API Gateway, which decides: is it a key of this API's usage plan, and within its limits?
So nothing here knows which keys exist, and a wrong key is refused by API Gateway itself.

Input and output: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
and ...-output.html. The key is never logged, and no exception carries it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

# API Gateway's keys have 20 to 128 characters. Longer text is no key, and is not looked at.
MAX_HEADER_CHARS = 256
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_BEARER = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)
NOBODY = "nobody"


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Allow whoever sends something that can be a key, and name the key; deny everybody else.

    The policy covers the whole stage, because API Gateway may keep it for the caller's next request, to another path.
    """
    key = key_of(event.get("headers"))
    if key is None:
        return _answer(NOBODY, "Deny", _stage_of(event))
    caller = caller_of(key)
    allowed = _answer(caller, "Allow", _stage_of(event))
    return {**allowed, "context": {"caller": caller}, "usageIdentifierKey": key}


def key_of(headers: object) -> str | None:
    """The key in `x-api-key`, else in `Authorization: Bearer`; None without one. Takes anything.

    `x-api-key` goes first: who sends it alongside a placeholder in `Authorization` means it.
    """
    named = _named(headers, "x-api-key")
    if named is not None and _KEY.fullmatch(named):
        return named
    bearer = _BEARER.fullmatch(_named(headers, "authorization") or "")
    return bearer.group(1) if bearer and _KEY.fullmatch(bearer.group(1)) else None


def caller_of(key: str) -> str:
    """A stable name of the key that does not give it away: keys are random, so a hash of one cannot be guessed."""
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _named(headers: object, name: str) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    for given, value in headers.items():
        if str(given).lower() == name and isinstance(value, str) and len(value) <= MAX_HEADER_CHARS:
            return value.strip()
    return None


def _stage_of(event: Mapping[str, Any]) -> str:
    """`arn:...:<api>/<stage>/*` of the method that was called; an event without one gets a policy for nothing."""
    api, _, rest = str(event.get("methodArn") or "").partition("/")
    stage = rest.partition("/")[0]
    return f"{api}/{stage}/*" if api.startswith("arn:") and stage else "arn:aws:execute-api:::none"


def _answer(principal: str, effect: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
