"""What engines answer, in the shapes of their own source. Each names where it is from.

TGI: huggingface/text-generation-inference 3.3, router/src. vLLM: vllm-project/vllm 0.29, vllm/entrypoints/openai.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

TGI_HEAD: Json = {
    "id": "",
    "created": 1700000000,
    "model": "/opt/ml/model",
    "system_fingerprint": "3.3.6-native",
}
USAGE: Json = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def tgi_chat(message: Json, finish_reason: str = "stop", logprobs: Json | None = None) -> bytes:
    """lib.rs `ChatCompletion`; the message is a `TextMessage`, or a `ToolCallMessage` without content."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "logprobs": logprobs,
        "finish_reason": finish_reason,
    }
    document = {"object": "chat.completion", **TGI_HEAD, "choices": [choice], "usage": USAGE}
    return json.dumps(document).encode()


def tgi_chunk(delta: Json, finish_reason: str | None = None, logprobs: Json | None = None) -> Json:
    """chat.rs `create_event_from_stream_token`: the role is in every delta."""
    choice = {
        "index": 0,
        "delta": {"role": "assistant", **delta},
        "logprobs": logprobs,
        "finish_reason": finish_reason,
    }
    return {"object": "chat.completion.chunk", **TGI_HEAD, "choices": [choice], "usage": None}


def tgi_text(text: str, finish_reason: str | None = None) -> Json:
    return tgi_chunk({"content": text}, finish_reason)


def tgi_call(arguments: str, name: str | None = None) -> Json:
    """chat.rs, `StreamState::Tool`: id and type in every delta, the name null after the first."""
    function = {"name": name, "arguments": arguments}
    return tgi_chunk({"tool_calls": [{"index": 0, "id": "0", "type": "function", "function": function}]})


TGI_USAGE: Json = {"object": "chat.completion.chunk", **TGI_HEAD, "choices": [], "usage": USAGE}
"""chat.rs, `ChatState::push` with `include_usage`: at the end of the generation, whatever came before."""


def tgi_completion_chunk(
    text: str, index: int = 0, finish_reason: str = "", usage: Json | None = None
) -> Json:
    """server.rs, `completions`: an empty finish_reason until the end, which has the prompt's usage."""
    choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
    document = {"object": "text_completion", **TGI_HEAD, "choices": [choice]}
    return document if usage is None else {**document, "usage": usage}


def vllm_chat(*messages: Json, finish_reason: str = "stop", logprobs: Json | None = None) -> bytes:
    """chat_completion/protocol.py `ChatCompletionResponse`: whatever is not set is null."""
    nothing = dict.fromkeys(("refusal", "annotations", "audio", "function_call", "reasoning"))
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": None, **nothing, **message},
            "logprobs": logprobs,
            "finish_reason": finish_reason,
            "stop_reason": None,
            "token_ids": None,
        }
        for index, message in enumerate(messages)
    ]
    usage = {**USAGE, "prompt_tokens_details": None}
    document = {
        "id": "chatcmpl-ab12",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "/opt/ml/model",
        "choices": choices,
        "service_tier": None,
        "system_fingerprint": None,
        "usage": usage,
        "prompt_logprobs": None,
        "kv_transfer_params": None,
    }
    return json.dumps(document).encode()


def vllm_chunk(delta: Json, finish_reason: str | None = None, index: int = 0) -> Json:
    """chat_completion/protocol.py `ChatCompletionStreamResponse`, dumped without what was never set."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    ended = {"stop_reason": None} if finish_reason else {}
    return {
        "id": "chatcmpl-ab12",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "/opt/ml/model",
        "choices": [{**choice, **ended}],
    }


VLLM_USAGE: Json = {**vllm_chunk({}), "choices": [], "usage": USAGE}


def vllm_completion_chunk(text: str, index: int = 0, finish_reason: str | None = None) -> Json:
    """completion/protocol.py `CompletionStreamResponse`."""
    choice = {
        "index": index,
        "text": text,
        "logprobs": None,
        "finish_reason": finish_reason,
        "stop_reason": None,
    }
    return {
        "id": "cmpl-ab12",
        "object": "text_completion",
        "created": 1700000000,
        "model": "/opt/ml/model",
        "choices": [choice],
    }


def sse(documents: Sequence[object], *, done: bool = True) -> bytes:
    """As both engines frame events."""
    data = [json.dumps(document) for document in documents] + (["[DONE]"] if done else [])
    return b"".join(f"data: {item}\n\n".encode() for item in data)
