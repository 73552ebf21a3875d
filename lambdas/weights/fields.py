"""Fields of JSON documents, checked: whatever is wrong is a `BadRequest` that names the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.weights.errors import BadRequest


def mapping(document: object, what: str) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise BadRequest(f"{what}: a JSON object, got {type(document).__name__}")
    return document


def items(document: object, what: str) -> list[Any]:
    if not isinstance(document, list):
        raise BadRequest(f"{what}: a JSON list, got {type(document).__name__}")
    return document


def text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name}: a text, got {type(value).__name__}")
    return value


def optional_text(fields: Mapping[str, object], name: str) -> str | None:
    return None if fields.get(name) is None else text(fields, name)


def integer(fields: Mapping[str, object], name: str) -> int:
    """Not negative."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadRequest(f"{name}: a whole number from 0, got {value!r:.40}")
    return value


def texts(document: object, what: str) -> tuple[str, ...]:
    values = items(document, what)
    if not all(isinstance(value, str) for value in values):
        raise BadRequest(f"{what}: a list of texts")
    return tuple(values)


def parsed_json(raw: str | bytes, what: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequest(f"{what}: not valid JSON") from None
