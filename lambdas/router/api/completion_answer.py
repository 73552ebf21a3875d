"""A whole text completion: complete and in OpenAI's shape, or not an answer.

Shapes: TGI 3.3, router/src/lib.rs (`CompletionFinal`, one choice for each prompt); vLLM 0.29,
vllm/entrypoints/openai/completion/protocol.py (`CompletionResponse`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambdas.router.answers import Answer, bad_answer
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_shapes import is_number
from lambdas.router.api.endings import STOP_SEQUENCE, check_not_declined, finish_reason
from lambdas.router.api.envelope import choices_of, extras, whole_answer
from lambdas.router.api.stop_text import without_stop

KIND = "text_completion"
ID_PREFIX = "cmpl"
CHOICE = frozenset(("index", "text", "logprobs", "finish_reason"))


def read_text_completion(raw: bytes, form: AnswerForm) -> Answer:
    """The answer to the caller. Raises `UpstreamError` when it is none."""
    document, choices = choices_of(raw, form, "text completion")
    answered = [_choice(choice, at, form) for at, choice in enumerate(choices)]
    check_not_declined((each["finish_reason"], each["text"]) for each in answered)
    return whole_answer(answered, document, KIND, ID_PREFIX, form)


def _choice(choice: object, at: int, form: AnswerForm) -> dict[str, Any]:
    text = choice.get("text") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(text, str):
        raise bad_answer("the answer is no text completion: it has a choice without a text")
    given = choice.get("finish_reason")
    reason = text_ending(given)
    if reason is None:
        raise bad_answer("the answer has not ended: it has no finish_reason")
    if given == STOP_SEQUENCE:
        text = without_stop(text, form.cut_off)
    return {
        "text": text,
        "index": at,
        "logprobs": text_logprobs(choice.get("logprobs")),
        "finish_reason": reason,
        **extras(choice, CHOICE),
    }


def text_ending(given: object) -> str | None:
    """OpenAI's `finish_reason` of a text. Raises `UpstreamError` for one that texts do not have."""
    reason = finish_reason(given)
    if reason == "tool_calls":
        raise bad_answer("a text ended with tool calls")
    return reason


def text_logprobs(given: object) -> dict[str, Any] | None:
    """Log probabilities in the lists that texts have. Raises `UpstreamError` for what is none."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise bad_answer("the answer's logprobs are no object")
    for name, is_item in _LOGPROBS.items():
        items = given.get(name)
        if items is not None and not (isinstance(items, list) and all(map(is_item, items))):
            raise bad_answer(f"the answer's logprobs hold {name} that are none")
    return given


def _is_top(value: object) -> bool:
    """The likeliest tokens in one place; none in the first, before which nothing is."""
    return value is None or (isinstance(value, dict) and all(map(is_number, value.values())))


_LOGPROBS: dict[str, Callable[[object], bool]] = {
    "tokens": lambda value: isinstance(value, str),
    "token_logprobs": lambda value: value is None or is_number(value),
    "top_logprobs": _is_top,
    "text_offset": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
