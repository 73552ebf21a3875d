"""OpenAI's Python SDK, set up as anybody does: an address and a key. The scenarios of `openai_sdk.mjs`.

OPENAI_BASE_URL=... OPENAI_API_KEY=... python -m tests.e2e.python_sdk SCENARIO
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import openai
from openai import OpenAI

MODEL = os.environ.get("MODEL", "query-enhancement")
MESSAGES: list[Any] = [{"role": "user", "content": "senior python engineer, remote"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "find_candidates",
        "parameters": {"type": "object", "properties": {"skill": {"type": "string"}}, "required": ["skill"]},
    },
}
FORCED: Any = {
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "find_candidates"}},
}

ENDLESS: Any = {"temperature": 0, "frequency_penalty": -2}
"""The model repeats itself up to max_tokens."""


def whole(client: OpenAI) -> dict[str, Any]:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, max_tokens=8)
    completion = raw.parse()
    assert completion.usage is not None
    return {
        "text": completion.choices[0].message.content,
        "ending": completion.choices[0].finish_reason,
        "tokens": completion.usage.completion_tokens,
        "candidate": raw.headers["x-adept-candidate"],
    }


def streamed(client: OpenAI) -> dict[str, Any]:
    seen: dict[str, Any] = {"text": "", "chunks": 0, "ending": None, "tokens": None}
    for chunk in client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=8, stream=True, stream_options={"include_usage": True}
    ):
        seen["chunks"] += 1
        for choice in chunk.choices:
            seen["text"] += choice.delta.content or ""
            seen["ending"] = choice.finish_reason or seen["ending"]
        if chunk.usage is not None:
            seen["tokens"] = chunk.usage.completion_tokens
    return seen


def tools(client: OpenAI) -> dict[str, Any]:
    first = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=64, **FORCED)
    message = first.choices[0].message
    assert message.tool_calls
    call: Any = message.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": "nobody"}
    history: Any = [*MESSAGES, message, result]
    second = client.chat.completions.create(model=MODEL, messages=history, max_tokens=8)
    ending = first.choices[0].finish_reason
    return {**_called(call), "ending": ending, "text": second.choices[0].message.content}


def tools_streamed(client: OpenAI) -> dict[str, Any]:
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, max_tokens=64, **FORCED) as stream:
        choice: Any = stream.get_final_completion().choices[0]
    return {**_called(choice.message.tool_calls[0]), "ending": choice.finish_reason}


def unknown_model(client: OpenAI) -> dict[str, Any]:
    return _failure(lambda: client.chat.completions.create(model="no-such-use-case", messages=MESSAGES))


def wrong_key(client: OpenAI) -> dict[str, Any]:
    return _failure(lambda: client.with_options(api_key="wrong").models.list())


def bad_value(client: OpenAI) -> dict[str, Any]:
    return _failure(lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=3))


def failed(client: OpenAI) -> dict[str, Any]:
    return _failure(lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8))


def failed_streamed(client: OpenAI) -> dict[str, Any]:
    return _failure(
        lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8, stream=True)
    )


def aborted(client: OpenAI) -> dict[str, Any]:
    most = int(os.environ["MAX_TOKENS"])
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, max_tokens=most, stream=True, **ENDLESS
    )
    stream = raw.parse()
    next(stream)
    stream.close()
    return {"chunks": 1, "request_id": raw.headers["x-request-id"]}


def _called(call: Any) -> dict[str, Any]:
    return {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments)}


def _failure(ask: Callable[[], object]) -> dict[str, Any]:
    try:
        ask()
    except openai.APIStatusError as error:
        told = {name: getattr(error, name) for name in ("code", "type", "param", "message")}
        return {"kind": type(error).__name__, "status": error.status_code, **told}
    return {"kind": None}


SCENARIOS = {
    each.__name__: each
    for each in (
        *(whole, streamed, tools, tools_streamed, unknown_model, wrong_key, bad_value),
        *(failed, failed_streamed, aborted),
    )
}

if __name__ == "__main__":
    with OpenAI(max_retries=0) as client:
        sys.stdout.write(json.dumps(SCENARIOS[sys.argv[1]](client)))
