"""Bytes -> JSON object: whatever arrives ends in an object or in a 400 that says what is wrong, and where."""

from __future__ import annotations

from typing import Any

from lambdas.router.errors import bad_request
from lambdas.router.strict_json import JsonError, loads

_CODE = "invalid_json"


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises a 400 `ApiError` for anything else."""
    if not raw.strip():
        raise bad_request("The body is empty; a JSON object is needed.", code=_CODE)
    try:
        document = loads(raw)
    except JsonError as error:
        raise bad_request(f"The body is {error}.", code=_CODE) from error
    if not isinstance(document, dict):
        raise bad_request("The body must be a JSON object.", code=_CODE)
    return document
