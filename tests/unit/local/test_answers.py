"""Bodies and events, as TGI and vLLM write them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from endpoints.local.model_server.container import Container
from endpoints.local.model_server.engines.base import FinishReason
from endpoints.local.model_server.errors import IncompleteError
from endpoints.local.model_server.invocation import Invoker
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import parse_invocation
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


def events(document: dict[str, Any], *, engine: FakeEngine | None = None) -> list[Any]:
    request = parse_invocation(json.dumps({**document, "stream": True}).encode())

    async def collect() -> list[bytes]:
        return [event async for event in invoker(engine or FakeEngine(WORDS)).events(request)]

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
