"""Makes every answer to a JSON schema end soon, for a model that would never close a string by itself.

The tiny model knows no JSON: left alone it fills a string until its tokens are used up. What the schema leaves open
is bounded here: the length of texts and lists, the size of numbers, members that are not named, white space. An
answer to the bounded schema is one to the given schema too.
"""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"maxLength": 24}
_NUMBER: Final = {"minimum": 0, "maximum": 99}
_BOUNDS: Final[dict[str, dict[str, Any]]] = {
    "string": _TEXT,
    "integer": _NUMBER,
    "number": _NUMBER,
    "array": {"maxItems": 3},
    "object": {"additionalProperties": False},
}
_ANY_OBJECT: Final = {"properties": {"answer": {"type": "string", **_TEXT}}, "required": ["answer"]}
_OF_SCHEMAS: Final = ("properties", "$defs", "definitions", "$functions")
_LISTS_OF_SCHEMAS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
# Where a schema says one of these, a bound of ours could contradict it.
_SAID: Final = {
    "enum",
    "const",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "allOf",
}
_COMPACT: Final = {"whitespace_flexible": False}  # llguidance's own extension


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with bounds wherever it has none."""
    return {**_bounded(schema), "x-guidance": _COMPACT}


def _bounded(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    changed = {name: _member(name, value) for name, value in schema.items()}
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object" and not schema.get("properties") and "anyOf" not in schema:
        changed = {**changed, **_ANY_OBJECT}
    limits = {} if _SAID & schema.keys() else _BOUNDS.get(str(kind), {})
    return {**limits, **changed}


def _member(name: str, value: Any) -> Any:
    if name in _OF_SCHEMAS and isinstance(value, dict):
        return {key: _bounded(schema) for key, schema in value.items()}
    if name in _LISTS_OF_SCHEMAS and isinstance(value, list):
        return [_bounded(schema) for schema in value]
    return _bounded(value) if name == "items" else value
