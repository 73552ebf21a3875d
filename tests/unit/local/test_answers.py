"""Bodies and events, as TGI and vLLM write them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from endpoints.local.model_server.container import Container
from endpoints.local.model_server.engines.base import FinishReason
from endpoints.local.model_server.errors import (
    IncompleteError,
    InvalidRequestError,
    ToolError,
    UndecodableError,
)
from endpoints.local.model_server.invocation import Invoker
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import ChatRequest, parse_invocation
from endpoints.local.model_server.tools import tools_of
from tests.unit.local.fake_engine import FakeEngine

WORDS = ("Hello", " there", ".")
MESSAGES = [{"role": "user", "content": "hi"}]


def invoker(engine: FakeEngine, serving: ServingEngine = ServingEngine.TGI) -> Invoker:
    return Invoker(engine, Container(Limits(serving, max_total_tokens=200, max_input_tokens=99)))


def answer(
    document: dict[str, Any], *, engine: FakeEngine | None = None, serving: ServingEngine = ServingEngine.TGI
) -> Any:
    request = parse_invocation(json.dumps(document).encode())
    return asyncio.run(invoker(engine or FakeEngine(WORDS), serving).answer(request)).document


def events(
    document: dict[str, Any], *, engine: FakeEngine | None = None, serving: ServingEngine = ServingEngine.TGI
) -> list[Any]:
    request = parse_invocation(json.dumps({**document, "stream": True}).encode())

    async def collect() -> list[bytes]:
        return [event async for event in invoker(engine or FakeEngine(WORDS), serving).events(request)]

    frames = b"".join(asyncio.run(collect())).decode().split("\n\n")
    assert frames.pop() == ""  # every event ends with an empty line
    assert all(frame.startswith("data: ") for frame in frames)
    data = [frame.removeprefix("data: ") for frame in frames]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def test_generate_answers_with_a_list_of_one() -> None:
    assert answer({"inputs": "Hi"}) == [{"generated_text": "Hello there."}]


def test_generate_can_return_the_prompt_and_details() -> None:
    parameters = {"return_full_text": True, "details": True, "seed": 7}
    [body] = answer({"inputs": "Hi", "parameters": parameters})
    assert body["generated_text"] == "HiHello there."
    assert body["details"]["finish_reason"] == "eos_token"
    assert body["details"]["generated_tokens"] == 4  # the end-of-sequence token counts
    assert body["details"]["seed"] == 7
    assert body["details"]["tokens"][-1]["special"] is True
    assert body["details"]["tokens"][0] == {"id": 1, "text": "Hello", "logprob": -0.5, "special": False}


def test_a_generate_stream_has_an_event_per_token_and_the_text_on_the_last() -> None:
    stream = events({"inputs": "Hi", "parameters": {"details": True}})
    assert [event["index"] for event in stream] == [1, 2, 3, 4]
    assert [event["token"]["text"] for event in stream] == [*WORDS, "<end>"]
    assert [event["generated_text"] for event in stream] == [None, None, None, "Hello there."]
    assert stream[-1]["details"] == {
        "finish_reason": "eos_token",
        "generated_tokens": 4,
        "seed": None,
        "input_length": 1,
    }


def test_chat_answers_in_openais_shape() -> None:
    body = answer({"messages": MESSAGES})
    assert body["object"] == "chat.completion"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    assert body["model"] == "fake/model"


@pytest.mark.parametrize(
    ("reason", "stop", "tgi", "vllm"),
    [
        (FinishReason.END_OF_SEQUENCE, [], "stop", "stop"),
        (FinishReason.LENGTH, [], "length", "length"),
        (FinishReason.LENGTH, [" there"], "stop_sequence", "stop"),
    ],
)
def test_engines_name_endings_differently(reason: FinishReason, stop: list[str], tgi: str, vllm: str) -> None:
    for serving, expected in ((ServingEngine.TGI, tgi), (ServingEngine.VLLM, vllm)):
        engine = FakeEngine(WORDS, reason=reason)
        body = answer({"messages": MESSAGES, "stop": stop}, engine=engine, serving=serving)
        assert body["choices"][0]["finish_reason"] == expected


def test_a_stop_sequence_ends_the_work_of_the_engine() -> None:
    engine = FakeEngine(WORDS)
    body = answer({"messages": MESSAGES, "stop": ["there"]}, engine=engine)
    assert body["choices"][0]["message"]["content"] == "Hello there"
    assert body["usage"]["completion_tokens"] == 2
    assert engine.closed_early


def test_a_chat_stream_ends_with_done_and_usage_when_asked() -> None:
    stream = events({"messages": MESSAGES, "stream_options": {"include_usage": True}})
    *chunks, counts, done = stream
    assert done == "[DONE]"
    assert counts["choices"] == []
    assert counts["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "Hello there."
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


def test_log_probabilities_come_when_asked_for() -> None:
    body = answer({"messages": MESSAGES, "logprobs": True})
    content = body["choices"][0]["logprobs"]["content"]
    assert content[0] == {"token": "Hello", "logprob": -0.5, "top_logprobs": []}


def test_a_completion_has_a_choice_per_prompt() -> None:
    body = answer({"prompt": ["a", "b c"]})
    assert body["object"] == "text_completion"
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["usage"]["prompt_tokens"] == 3


def test_a_completion_stream_carries_the_prompts_index() -> None:
    stream = events({"prompt": ["a", "b"]})
    assert stream[-1] == "[DONE]"
    assert [event["choices"][0]["index"] for event in stream[:-1]] == [0] * 4 + [1] * 4
    assert stream[3]["choices"][0]["finish_reason"] == "eos_token"


def test_an_engine_that_stops_without_an_end_is_an_incomplete_generation() -> None:
    engine = FakeEngine(WORDS, reason=None)
    with pytest.raises(IncompleteError):
        answer({"inputs": "Hi"}, engine=engine)
    stream = events({"inputs": "Hi"}, engine=FakeEngine(WORDS, reason=None))
    assert stream[-1] == {"error": "Incomplete generation", "error_type": "incomplete_generation"}


def test_an_error_in_a_chat_stream_has_openais_shape() -> None:
    error, done = events({"messages": MESSAGES, "max_tokens": 999})
    assert error["error"]["http_status_code"] == 422
    assert "must be <= 200" in error["error"]["message"]
    assert done == "[DONE]"


def test_vllm_says_the_role_once_and_gives_several_answers() -> None:
    stream = events({"messages": MESSAGES, "n": 2}, serving=ServingEngine.VLLM)
    deltas = [(event["choices"][0]["index"], event["choices"][0]["delta"]) for event in stream[:-1]]
    assert deltas[0] == (0, {"role": "assistant", "content": ""})
    assert deltas[1] == (0, {"content": "Hello"})
    assert [index for index, _ in deltas] == [0] * 5 + [1] * 5
    body = answer({"messages": MESSAGES, "n": 2}, serving=ServingEngine.VLLM)
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9}
    assert len(answer({"messages": MESSAGES, "n": 2})["choices"]) == 1  # TGI


def test_vllms_completions_have_log_probabilities_and_their_own_usage_chunk() -> None:
    body = answer({"prompt": "a", "logprobs": 0}, serving=ServingEngine.VLLM)
    assert body["choices"][0]["logprobs"]["tokens"] == list(WORDS)
    assert body["choices"][0]["logprobs"]["text_offset"] == [0, 5, 11]
    options = {"include_usage": True}
    *chunks, counts, _ = events({"prompt": "a", "stream_options": options}, serving=ServingEngine.VLLM)
    assert counts["usage"]["total_tokens"] == 5
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]


CALL = ('{"function": {"_name": "find", ', '"city": "Rome"}}')
NO_CALL = ('{"function": {"_name": "no_tool"}}',)
FIND = {"type": "function", "function": {"name": "find", "parameters": {"properties": {"city": {}}}}}


def test_tgis_tool_call_has_no_content_and_its_stream_no_ending() -> None:
    request = {"messages": MESSAGES, "tools": [FIND], "stream_options": {"include_usage": True}}
    body = answer(request, engine=FakeEngine(CALL))
    function = {"name": "find", "arguments": '{"city":"Rome"}'}
    call = {"id": "0", "type": "function", "function": function}
    assert body["choices"][0]["message"] == {"role": "assistant", "tool_calls": [call]}
    *chunks, counts, _ = events(request, engine=FakeEngine(CALL))
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None]
    assert counts["usage"]["completion_tokens"] == 3


def test_vllms_tool_call_has_an_id_and_an_ending() -> None:
    request = {"messages": MESSAGES, "tools": [FIND], "tool_choice": "required"}
    body = answer(request, engine=FakeEngine(CALL), serving=ServingEngine.VLLM)
    assert body["choices"][0]["message"]["content"] is None
    assert body["choices"][0]["message"]["tool_calls"][0]["id"].startswith("chatcmpl-tool-")
    stream = events(request, engine=FakeEngine(CALL), serving=ServingEngine.VLLM)
    assert stream[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_model_that_calls_nothing_is_asked_again_without_tools() -> None:
    body = answer({"messages": MESSAGES, "tools": [FIND]}, engine=FakeEngine(NO_CALL))
    assert body["choices"][0]["message"]["content"] == NO_CALL[0]  # the fake says the same again


@pytest.mark.parametrize(
    ("fields", "words", "reason"),
    [
        ({"response_format": {"type": "json", "value": {"properties": {}}}}, "mutually exclusive", CALL),
        ({"tool_choice": "lose"}, "Tool with name lose not found", CALL),
        ({}, "Failed to parse generated text", CALL[:1]),  # its tokens were used up
    ],
)
def test_tgi_refuses_tools_in_its_words(fields: dict[str, Any], words: str, reason: tuple[str, ...]) -> None:
    with pytest.raises(ToolError, match=words):
        answer({"messages": MESSAGES, "tools": [FIND], **fields}, engine=FakeEngine(reason))


def test_tgi_demands_parameters_and_vllm_a_parser() -> None:
    bare = {"type": "function", "function": {"name": "find"}}
    with pytest.raises(UndecodableError, match="missing field"):
        answer({"messages": MESSAGES, "tools": [bare]}, engine=FakeEngine(CALL))
    request = parse_invocation(json.dumps({"messages": MESSAGES, "tools": [bare]}).encode())
    limits = Limits(
        ServingEngine.VLLM, max_total_tokens=200, max_input_tokens=199, calls_tools_by_itself=False
    )
    with pytest.raises(InvalidRequestError, match="requires --enable-auto-tool-choice"):
        asyncio.run(Invoker(FakeEngine(CALL), Container(limits)).answer(request))


def test_the_schema_of_tools_names_each_and_none_of_them() -> None:
    request = parse_invocation(json.dumps({"messages": MESSAGES, "tools": [FIND]}).encode())
    assert isinstance(request, ChatRequest)
    tools = tools_of(request, Limits(ServingEngine.TGI, max_total_tokens=200, max_input_tokens=99))
    assert tools is not None
    choices = json.loads(tools.grammar().text)["properties"]["function"]["anyOf"]
    assert [choice["properties"]["_name"]["const"] for choice in choices] == ["find", "no_tool"]
    assert "find" in tools.prompted([{"role": "user", "content": "hi"}])[0]["content"]
