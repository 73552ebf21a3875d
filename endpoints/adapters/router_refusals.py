"""What an error answer of the API means for whoever runs `adept`: who refused it decides what is to be done.

docs/api.md lists the codes. The router's answers about a key's limits carry OpenAI's `x-ratelimit-*`; those of
API Gateway, which has the same codes for its usage plan, do not.
"""

from __future__ import annotations

from typing import Any, Final

import httpx

from endpoints.errors import RemoteError

_KEYS: Final = "of one key (api.key_limits in environments.yaml)"
_PLAN: Final = "of the usage plan (api in environments.yaml)"
_BY_CODE: Final = {
    "candidates_overloaded": (
        "The models are busy, not the API. {wait}; if it stays so, give them more instances (instances in "
        "environments.yaml)."
    ),
    "limits_unavailable": "{wait}.",
    "route_table_invalid": "What is in force, and what is wrong with it: adept routes show",
}
_OF_A_KEY: Final = {
    "rate_limit_exceeded": f"This is the limit of requests in a minute {_KEYS}. {{wait}}.",
    "insufficient_quota": f"This is the limit of tokens in a day {_KEYS}. Ask for less (--max-tokens), or another day.",
}
_OF_THE_PLAN: Final = {
    "rate_limit_exceeded": f"This is rate_per_s and burst {_PLAN}. {{wait}}.",
    "insufficient_quota": f"This is daily_quota {_PLAN}: it is full until tomorrow.",
}
_BY_STATUS: Final = {
    401: "The API key was refused: was the stack deployed again since? Run this again.",
    403: "Not allowed: where requests are signed, these credentials need execute-api:Invoke on the API.",
    404: "See what there is: adept use-cases",
    429: "{wait}.",
    503: "The endpoint is not ready: adept local status, or the endpoint's state in SageMaker.",
}


def refusal(response: httpx.Response) -> RemoteError:
    """An answer that is an error (its body has been read) in the API's words, with what to do."""
    document = _document(response)
    message = f"The router answered {response.status_code}: {_message(document, response)}"
    return RemoteError(message, remedy=_remedy(response, document.get("code")))


def _remedy(response: httpx.Response, code: object) -> str | None:
    of_a_key = any(name.startswith("x-ratelimit-") for name in response.headers)
    by_code = {**_BY_CODE, **(_OF_A_KEY if of_a_key else _OF_THE_PLAN)}
    remedy = by_code.get(str(code)) or _BY_STATUS.get(response.status_code)
    return None if remedy is None else remedy.format(wait=_wait(response))


def _wait(response: httpx.Response) -> str:
    asked_s = response.headers.get("retry-after", "")
    return f"Wait {f'{asked_s} s' if asked_s.isdecimal() else 'a moment'} and run this again"


def _document(response: httpx.Response) -> dict[str, Any]:
    """OpenAI's error object, or API Gateway's own with its `message`; empty where it is neither."""
    try:
        document = response.json()
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    error = document.get("error", document)
    return error if isinstance(error, dict) else {"message": error}


def _message(document: dict[str, Any], response: httpx.Response) -> str:
    return str(document.get("message") or response.text[:300] or "no message")
