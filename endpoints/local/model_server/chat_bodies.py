"""The JSON of chat answers and their chunks, in both engines' shapes.

Sources: text-generation-inference 3.3, router/src/lib.rs and router/src/chat.rs; vLLM 0.29,
vllm/entrypoints/openai/chat_completion/protocol.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from endpoints.local.model_server.bodies import Envelope, Json, usage_of
from endpoints.local.model_server.engines.base import Step, Token
from endpoints.local.model_server.generation import Answer
from endpoints.local.model_server.tools import Call

CHUNK = "chat.completion.chunk"


def chat(envelope: Envelope, answers: Sequence[Answer], *, with_logprobs: bool) -> Json:
    """An answer with a choice for each of `answers`."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": answer.text},
            "logprobs": logprobs(answer.tokens) if with_logprobs else None,
            "finish_reason": envelope.dialect.chat_endings[answer.finish.reason],
        }
        for index, answer in enumerate(answers)
    ]
    return envelope.body("chat.completion", choices, usage=usage_of(answers))


def call(envelope: Envelope, made: Call, answer: Answer) -> Json:
    """An answer that is a tool call: without content in TGI's shape, with null in vLLM's."""
    message: Json = {"role": "assistant", "tool_calls": [_call(envelope, made)]}
    if envelope.dialect.ends_calls:
        message["content"] = None
    ending = "tool_calls" if envelope.dialect.ends_calls else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ending}
    return envelope.body("chat.completion", [choice], usage=usage_of([answer]))


def role_event(envelope: Envelope, index: int) -> Json:
    """vLLM's first chunk of an answer."""
    return _chunk(envelope, index, {"role": "assistant", "content": ""})


def event(envelope: Envelope, index: int, step: Step, *, with_logprobs: bool) -> Json:
    """A chunk with a token."""
    token, finish = step.token, step.finish
    role = {"role": "assistant"} if envelope.dialect.repeats_role else {}
    return _chunk(
        envelope,
        index,
        {**role, "content": "" if token.special else token.text},
        given=logprobs([token]) if with_logprobs else None,
        ending=None if finish is None else envelope.dialect.chat_endings[finish.reason],
    )


def call_events(envelope: Envelope, made: Call) -> Iterator[Json]:
    """The chunks of a call: its name, then its arguments. TGI names it in each and ends it in none."""
    whole = _call(envelope, made)
    begun = {**whole, "index": 0, "function": {"name": made.name, "arguments": made.arguments[:1]}}
    rest: Json = {"index": 0, "function": {"arguments": made.arguments[1:]}}
    if envelope.dialect.ends_calls:
        yield role_event(envelope, 0)
        yield _chunk(envelope, 0, {"tool_calls": [begun]})
        yield _chunk(envelope, 0, {"tool_calls": [rest]})
        yield _chunk(envelope, 0, {"content": ""}, ending="tool_calls")
        return
    rest = {**whole, **rest, "function": {"name": None, **rest["function"]}}
    for piece in (begun, rest):
        yield _chunk(envelope, 0, {"role": "assistant", "tool_calls": [piece]})


def usage_event(envelope: Envelope, counts: Json) -> Json:
    """The chunk that `stream_options.include_usage` asks for: counts and no choices."""
    return envelope.body(CHUNK, [], usage=counts)


def logprobs(tokens: Sequence[Token]) -> Json:
    """The tokens' log probabilities."""
    return {"content": [_logprob(token) for token in tokens if not token.special]}


def _logprob(token: Token) -> Json:
    top = [{"token": top.text, "logprob": top.logprob} for top in token.top]
    return {"token": token.text, "logprob": token.logprob, "top_logprobs": top}


def _call(envelope: Envelope, made: Call) -> Json:
    """TGI calls every call "0"."""
    call_id = f"chatcmpl-tool-{uuid4().hex}" if envelope.dialect.ends_calls else "0"
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": made.name, "arguments": made.arguments},
    }


def _chunk(
    envelope: Envelope, index: int, delta: Json, *, given: Json | None = None, ending: str | None = None
) -> Json:
    choice: dict[str, Any] = {"index": index, "delta": delta, "logprobs": given, "finish_reason": ending}
    return envelope.body(CHUNK, [choice], usage=None)
