"""A request is for the candidates that can answer it; where none can, it is refused before a GPU is asked."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.router.api.chat import ChatRequest, parse_chat
from lambdas.router.api.completions import parse_completion
from lambdas.router.api.generate import parse_generate
from lambdas.router.choosing.choice import narrowed
from lambdas.router.errors import ApiError
from lambdas.router.route_table import Candidate
from tests.unit.router.tables import table_of, tgi, vllm

BOTH = (tgi("primary"), vllm("alternative"))
TOOLS = [{"type": "function", "function": {"name": "find"}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}}


def chat(*candidates: Candidate, content: str = "hello", **fields: Any) -> ChatRequest:
    body = {"model": "chat", "messages": [{"role": "user", "content": content}], **fields}
    return parse_chat(table_of(*candidates), body)


def refusal(*candidates: Candidate, **fields: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        chat(*candidates, **fields)
    assert caught.value.status == 400
    return caught.value


def roles(request: Any) -> list[str]:
    return [candidate.role for candidate in request.choice.candidates]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logit_bias": {"5": -100}}, "logit_bias"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"seed": -3}, "seed"),
        ({"logprobs": True, "top_logprobs": 6}, "top_logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": SCHEMA}, "response_format"),  # no properties at its top
    ],
)
def test_what_tgi_cannot_do_vllm_is_asked_for_and_where_it_is_not_there_the_parameter_is_named(
    fields: dict[str, Any], param: str
) -> None:
    assert roles(chat(*BOTH, **fields)) == ["alternative"]
    assert roles(chat(*BOTH)) == ["primary", "alternative"]
    error = refusal(tgi(), **fields)
    assert (error.param, error.code) == (param, "unsupported_parameter")
    assert "primary is served by TGI" in error.message


def test_calls_at_the_models_own_choice_need_a_parser_that_vllm_was_not_started_with() -> None:
    assert roles(chat(*BOTH, tools=TOOLS)) == ["primary"]
    assert refusal(vllm(), tools=TOOLS).param == "tool_choice"
    for choice in ("none", "required", {"type": "function", "function": {"name": "find"}}):
        assert roles(chat(vllm(), tools=TOOLS, tool_choice=choice)) == ["primary"]


def test_calls_at_the_models_own_choice_are_possible_where_vllm_has_a_parser() -> None:
    assert roles(chat(vllm(tool_calls=True), tools=TOOLS)) == ["primary"]


def test_tgi_makes_a_grammar_of_tools_and_of_a_format_and_holds_to_one() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"properties": {}}}}
    assert refusal(tgi(), tools=TOOLS, response_format=schema).param == "response_format"
    assert chat(tgi(), tools=TOOLS, tool_choice="none", response_format=schema)
    assert chat(vllm(), tools=TOOLS, tool_choice="required", response_format=schema)


@pytest.mark.parametrize(("candidate", "most"), [(tgi(), 3072), (vllm(), 4095)])
def test_a_prompt_that_certainly_exceeds_the_context_is_refused_with_the_numbers(
    candidate: Candidate, most: int
) -> None:
    """TGI has a limit of its own for prompts; vLLM wants room for one token of answer."""
    error = refusal(candidate, content="a " * (most + 1))
    assert (error.code, error.param) == ("context_length_exceeded", "messages")
    assert f"at least {most + 1} tokens" in error.message
    assert f"takes {most}" in error.message
    assert chat(candidate, content="a " * most)  # may not fit either, but only the engine can tell


def test_text_without_spaces_is_at_least_a_token_for_each_128_bytes() -> None:
    assert refusal(tgi(), content="x" * (3073 * 128)).code == "context_length_exceeded"
    assert chat(tgi(), content="x" * (3073 * 128 - 1))  # tokens of 128 spaces exist


def test_text_in_parts_of_several_messages_counts_together() -> None:
    parts = [{"type": "text", "text": "a " * 2000}, {"type": "text", "text": "b " * 2000}]
    assert refusal(tgi(), messages=[{"role": "user", "content": parts}]).code == "context_length_exceeded"


def test_the_longer_context_answers_what_the_shorter_cannot_hold() -> None:
    request = chat(
        tgi(), tgi("alternative", max_input_tokens=6000, max_total_tokens=8192), content="a " * 5000
    )
    assert roles(request) == ["alternative"]
    assert request.prompt_chars == 10_000


def test_prompts_of_the_other_schemas_are_held_to_the_context_too() -> None:
    long, table = "a " * 4096, table_of(tgi())
    with pytest.raises(ApiError, match="at least 4096 tokens"):
        parse_completion(table, {"model": "chat", "prompt": ["short", long]})
    with pytest.raises(ApiError, match="at least 4096 tokens"):
        parse_generate(table, "chat", None, {"inputs": long})
    assert parse_generate(table, "chat", None, {"inputs": long, "parameters": {"truncate": 100}})


def test_tgis_schema_is_for_tgi() -> None:
    assert roles(parse_generate(table_of(*BOTH), "chat", None, {"inputs": "x"})) == ["primary"]


def test_a_candidate_named_in_a_header_gives_its_own_refusal() -> None:
    with pytest.raises(ApiError) as caught:
        narrowed(chat(*BOTH, n=2).choice, "primary")
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_parameter")
