"""`response_format`: check it, and render it for an engine.

OpenAI: `{"type": "text"}`, `{"type": "json_object"}`, `{"type": "json_schema", "json_schema": {"name", "schema",
"strict"}}`.
TGI 3.3 (router/src/lib.rs, `GrammarType`; router/src/validation.rs): `{"type": "json", "value": schema}` where the
schema has `properties` at its top, or `{"type": "regex", "value": pattern}`; there is no free JSON. vLLM 0.29 takes
OpenAI's shapes, and a pattern in `structured_outputs`. Both always hold the answer to the schema, whatever `strict`
says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.api.unsupported import unsupported
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import obj
from lambdas.router.route_table import Candidate, Engine

FIELD = "response_format"
_TYPES = "text, json_object, json_schema (OpenAI's), json and regex (TGI's)"


class ResponseFormat(NamedTuple):
    """What the answer must match: an object that fits `schema`, a text that fits `pattern`, or any JSON object."""

    name: str = "answer"
    schema: Mapping[str, Any] | None = None
    pattern: str | None = None

    @property
    def is_json(self) -> bool:
        """Whether the answer is to be JSON."""
        return self.pattern is None

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate's engine cannot do this, None where it can."""
        if candidate.engine is not Engine.TGI or self.pattern is not None:
            return None
        if self.schema is None:
            return unsupported(
                candidate, FIELD, "knows no free JSON: give json_schema with the fields you need"
            )
        if "properties" not in self.schema:
            return unsupported(candidate, FIELD, "takes a schema of an object, with properties at its top")
        return None

    def rendered(self, candidate: Candidate) -> dict[str, Any]:
        """The fields as the candidate's engine takes them."""
        if candidate.engine is Engine.TGI:
            return {FIELD: self._for_tgi()}
        if self.pattern is not None:
            return {"structured_outputs": {"regex": self.pattern}}
        if self.schema is None:
            return {FIELD: {"type": "json_object"}}
        return {
            FIELD: {
                "type": "json_schema",
                "json_schema": {"name": self.name, "schema": self.schema, "strict": True},
            }
        }

    def _for_tgi(self) -> dict[str, Any]:
        if self.pattern is not None:
            return {"type": "regex", "value": self.pattern}
        return {"type": "json", "value": self.schema}


def parse_response_format(body: Mapping[str, Any]) -> ResponseFormat | None:
    """The format asked for, None for plain text. Raises a 400 `ApiError`."""
    given = obj(body, FIELD)
    if given is None:
        return None
    match given.get("type"):
        case "text":
            return None
        case "json_object" if "value" not in given:
            return ResponseFormat()
        case "json_schema" if "value" not in given:
            return _named_schema(given)
        case "json" | "json_object" | "json_schema":
            return ResponseFormat(schema=_tgi_schema(given))
        case "regex":
            return ResponseFormat(pattern=_pattern(given))
    raise bad_request(f"{FIELD}.type must be one of {_TYPES}.", param=f"{FIELD}.type")


def _named_schema(given: Mapping[str, Any]) -> ResponseFormat:
    named = obj(given, "json_schema", at=f"{FIELD}.")
    if named is None:
        raise bad_request(
            f"{FIELD}.json_schema must be an object with name and schema.", param=f"{FIELD}.json_schema"
        )
    name, schema = named.get("name"), named.get("schema")
    if not isinstance(name, str) or not name:
        raise bad_request(f"{FIELD}.json_schema.name must be a text.", param=f"{FIELD}.json_schema.name")
    if not isinstance(schema, dict):
        raise bad_request(
            f"{FIELD}.json_schema.schema must be a JSON schema, an object.",
            param=f"{FIELD}.json_schema.schema",
        )
    return ResponseFormat(name=name, schema=schema)


def _tgi_schema(given: Mapping[str, Any]) -> dict[str, Any]:
    """TGI's own form: the schema under `value`, for `json_schema` one level deeper."""
    value = given.get("value")
    schema = (
        value.get("schema", value) if isinstance(value, dict) and given["type"] == "json_schema" else value
    )
    if not isinstance(schema, dict):
        raise bad_request(f"{FIELD}.value must be a JSON schema, an object.", param=f"{FIELD}.value")
    return schema


def _pattern(given: Mapping[str, Any]) -> str:
    value = given.get("value")
    if not isinstance(value, str) or not value:
        raise bad_request(f"{FIELD}.value must be a regular expression.", param=f"{FIELD}.value")
    return value
