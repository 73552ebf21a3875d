"""Bytes -> JSON object, bounded: whatever arrives ends in an object or in a 400 that says what is wrong."""

from __future__ import annotations

import json
import math
from typing import Any

from lambdas.router.errors import ApiError, bad_request

MAX_DEPTH = 64  # a JSON schema in `response_format` nests about 20 deep; parsers downstream recurse
_CODE = "invalid_json"


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises a 400 `ApiError` for anything else."""
    document = _parse(_decode(raw))
    if not isinstance(document, dict):
        raise bad_request("The body must be a JSON object.", code=_CODE)
    if is_deeper_than(document, MAX_DEPTH):
        raise _too_deep()
    return document


def is_deeper_than(document: object, limit: int) -> bool:
    """Whether containers nest more than `limit` deep.

    Level by level, so that it cannot overflow the stack.
    """
    level = [document]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _decode(raw: bytes) -> str:
    if not raw.strip():
        raise bad_request("The body is empty; a JSON object is needed.", code=_CODE)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"The body is not UTF-8: byte {error.start}.", code=_CODE) from error


def _parse(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise bad_request(f"The body is not valid JSON: {error.msg} ({where}).", code=_CODE) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # a whole number with thousands of digits
        raise bad_request("The body holds a number that is too large.", code=_CODE) from error


def _refuse_constant(name: str) -> float:
    raise bad_request(f"The body is not valid JSON: {name} is no JSON number.", code=_CODE)


def _finite(text: str) -> float:
    value = float(text)
    if math.isfinite(value):
        return value
    raise bad_request(f"The number {text[:20]} in the body is too large.", code=_CODE)


def _too_deep() -> ApiError:
    return bad_request(f"The body nests more than {MAX_DEPTH} deep.", code=_CODE)
