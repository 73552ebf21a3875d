"""What a schema leaves open is bounded; what it says stays."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.local.model_server.engines.bounded_schema import bounded


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string", "maxLength": 24}),
        ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "integer", "minimum": 5}, {"type": "integer", "minimum": 5}),
        ({"type": "integer"}, {"type": "integer", "minimum": 0, "maximum": 99}),
        ({"type": "boolean"}, {"type": "boolean"}),
        (
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 24}},
        ),
        (
            {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "string", "maxLength": 24}, {"type": "null"}]}},
                "additionalProperties": False,
            },
        ),
        (
            {"type": "object"},
            {
                "type": "object",
                "properties": {"answer": {"type": "string", "maxLength": 24}},
                "required": ["answer"],
                "additionalProperties": False,
            },
        ),
        (
            {"$defs": {"A": {"type": "string"}}, "$ref": "#/$defs/A"},
            {"$defs": {"A": {"type": "string", "maxLength": 24}}, "$ref": "#/$defs/A"},
        ),
    ],
)
def test_a_bound_is_added_where_there_is_none(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert bounded(schema) == {**expected, "x-guidance": {"whitespace_flexible": False}}
