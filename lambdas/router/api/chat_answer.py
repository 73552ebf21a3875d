"""A whole chat answer: complete and in OpenAI's shape, or not an answer.

Shapes: TGI 3.3, router/src/lib.rs (`ChatCompletion`, `OutputMessage`: text, or tool calls without content); vLLM 0.29,
vllm/entrypoints/openai/chat_completion/protocol.py (`ChatCompletionResponse`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.router.answers import Answer, bad_answer
from lambdas.router.api import chat_shapes
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.endings import CONTENT_FILTERED, STOP_SEQUENCE, check_not_declined, finish_reason
from lambdas.router.api.envelope import choices_of, extras, whole_answer
from lambdas.router.api.stop_text import without_stop

ID_PREFIX = "chatcmpl"
_CHOICE = frozenset(("index", "message", "logprobs", "finish_reason"))
_MESSAGE = frozenset(("role", "content", "refusal", "tool_calls", "function_call"))


def read_completion(raw: bytes, form: AnswerForm) -> Answer:
    """The answer to the caller. Raises `UpstreamError` when it is none."""
    document, choices = choices_of(raw, form, "chat completion")
    answered = [_choice(choice, at, form) for at, choice in enumerate(choices)]
    if answered[0]["finish_reason"] == CONTENT_FILTERED:
        check_not_declined((each["finish_reason"], _said(each["message"])) for each in answered)
    return whole_answer(answered, document, "chat.completion", ID_PREFIX, form)


def _said(message: Mapping[str, Any]) -> object:
    return message["content"] or message.get("tool_calls")


def _choice(choice: object, at: int, form: AnswerForm) -> dict[str, Any]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise bad_answer("the answer is no chat completion: it has a choice without a message")
    given = choice.get("finish_reason")
    reason = finish_reason(given)
    if reason is None:
        raise bad_answer("the answer has not ended: it has no finish_reason")
    said = _message(message, form, stopped=given == STOP_SEQUENCE)
    reason = form.reason(reason, calls="tool_calls" in said)
    form.check_text(said["content"] or "", reason)
    return {
        "index": at,
        "message": said,
        "logprobs": chat_shapes.logprobs(choice.get("logprobs")),
        "finish_reason": reason,
        **extras(choice, _CHOICE),
    }


def _message(message: Mapping[str, Any], form: AnswerForm, *, stopped: bool) -> dict[str, Any]:
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise bad_answer("the answer's content is no text")
    if content and stopped:
        content = without_stop(content, form.cut_off)
    refusal = message.get("refusal")
    if refusal is not None and not isinstance(refusal, str):
        raise bad_answer("the answer's refusal is no text")
    calls = chat_shapes.tool_calls(message.get("tool_calls"), form)
    return {
        "role": "assistant",
        "content": content,
        "refusal": refusal,
        **({"tool_calls": calls} if calls else {}),
        **extras(message, _MESSAGE),
    }
