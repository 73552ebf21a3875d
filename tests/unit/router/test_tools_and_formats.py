"""Tools and response formats: what is taken, and what each engine gets of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.router.api.chat import parse_chat
from lambdas.router.errors import ApiError
from lambdas.router.route_table import Candidate
from tests.unit.router.tables import table_of, tgi, vllm

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
CLOCK = {"type": "function", "function": {"name": "clock", "strict": True}}
NAMED = {"type": "function", "function": {"name": "weather"}}
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "job", "schema": SCHEMA, "strict": False}}


def sent(candidate: Candidate, **fields: Any) -> dict[str, Any]:
    """What the candidate's container gets, without what every chat request has."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], **fields}
    payload: dict[str, Any] = json.loads(parse_chat(table_of(candidate), body).payload(candidate))
    return {name: value for name, value in payload.items() if name not in ("messages", "max_tokens")}


def test_both_engines_get_the_tools_in_openais_shape_and_tgi_always_with_parameters() -> None:
    on_tgi = sent(tgi(), tools=[WEATHER, CLOCK])
    clock = {"name": "clock", "strict": True, "parameters": {"type": "object", "properties": {}}}
    assert on_tgi == {"tools": [WEATHER, {"type": "function", "function": clock}], "tool_choice": "auto"}
    on_vllm = sent(vllm(), tools=[WEATHER, CLOCK], tool_choice="required", parallel_tool_calls=False)
    assert on_vllm == {"tools": [WEATHER, CLOCK], "tool_choice": "required", "parallel_tool_calls": False}


@pytest.mark.parametrize(
    ("given", "on_tgi"), [("auto", "auto"), ("required", "required"), (NAMED, "weather"), (None, "auto")]
)
def test_tgi_takes_a_function_by_its_bare_name(given: object, on_tgi: str) -> None:
    assert sent(tgi(), tools=[WEATHER], tool_choice=given)["tool_choice"] == on_tgi


def test_vllm_takes_a_function_as_openai_names_it() -> None:
    assert sent(vllm(), tools=[WEATHER], tool_choice=NAMED)["tool_choice"] == NAMED


def test_tools_that_may_not_be_called_reach_vllms_template_and_not_tgi() -> None:
    assert sent(tgi(), tools=[WEATHER], tool_choice="none") == {}
    assert sent(vllm(), tools=[WEATHER], tool_choice="none")["tool_choice"] == "none"


def test_tools_are_a_part_of_the_prompt_and_are_reserved_with_it() -> None:
    asked = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
    plain, equipped = (parse_chat(table_of(tgi()), asked | more) for more in ({}, {"tools": [WEATHER] * 50}))
    assert plain.prompt_chars == len("hello")
    assert equipped.prompt_chars > 50 * len("weather")


def test_no_tools_are_no_tools() -> None:
    assert sent(vllm()) == sent(vllm(), tools=[]) == sent(vllm(), parallel_tool_calls=True) == {}
    assert sent(vllm(), tools=None, tool_choice="auto") == {}


@pytest.mark.parametrize(
    ("candidate", "given", "expected"),
    [
        (tgi(), JSON_SCHEMA, {"response_format": {"type": "json", "value": SCHEMA}}),
        (tgi(), {"type": "json", "value": SCHEMA}, {"response_format": {"type": "json", "value": SCHEMA}}),
        (
            tgi(),
            {"type": "json_schema", "value": {"name": "job", "schema": SCHEMA}},
            {"response_format": {"type": "json", "value": SCHEMA}},
        ),
        (
            tgi(),
            {"type": "regex", "value": "[0-9]+"},
            {"response_format": {"type": "regex", "value": "[0-9]+"}},
        ),
        (
            vllm(),
            JSON_SCHEMA,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "job", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (vllm(), {"type": "json_object"}, {"response_format": {"type": "json_object"}}),
        (vllm(), {"type": "regex", "value": "[0-9]+"}, {"structured_outputs": {"regex": "[0-9]+"}}),
        (
            vllm(),
            {"type": "json_object", "value": SCHEMA},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (tgi(), {"type": "text"}, {}),
        (vllm(), {"type": "text"}, {}),
        (vllm(), None, {}),
    ],
)
def test_each_engine_gets_a_format_as_it_reads_it(
    candidate: Candidate, given: object, expected: dict[str, Any]
) -> None:
    assert sent(candidate, response_format=given) == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": "weather"}, "tools"),
        ({"tools": [WEATHER] * 129}, "tools"),
        ({"tools": ["weather"]}, "tools[0]"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0]"),
        ({"tools": [WEATHER, {"type": "function", "function": {}}]}, "tools[1]"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [CLOCK], "tool_choice": NAMED}, "tool_choice"),
        ({"tools": [CLOCK], "tool_choice": "clock"}, "tool_choice"),
        ({"tools": [CLOCK], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": ["json"]}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": []}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            "response_format.json_schema.schema",
        ),
        ({"response_format": {"type": "json"}}, "response_format.value"),
        ({"response_format": {"type": "regex", "value": {}}}, "response_format.value"),
    ],
)
def test_what_no_engine_could_read_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        sent(vllm(), **fields)
    assert (caught.value.status, caught.value.param) == (400, param)
