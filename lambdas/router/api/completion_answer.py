"""A whole text completion: complete and in OpenAI's shape, or not an answer.

Shapes: TGI 3.3, router/src/lib.rs (`CompletionFinal`, one choice for each prompt); vLLM 0.29,
vllm/entrypoints/openai/completion/protocol.py (`CompletionResponse`).
"""

from __future__ import annotations

from typing import Any

from lambdas.router.answers import Answer, bad_answer, count, parse_answer
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.endings import STOP_SEQUENCE, check_not_declined, finish_reason, usage_of
from lambdas.router.api.envelope import envelope, extras
from lambdas.router.api.stop_text import without_stop
from lambdas.router.messages import JSON_TYPE
from lambdas.router.strict_json import dumps

KIND = "text_completion"
ID_PREFIX = "cmpl"
CHOICE = frozenset(("index", "text", "logprobs", "finish_reason"))
_TOP = frozenset(("id", "object", "created", "model", "system_fingerprint", "choices", "usage"))


def read_text_completion(raw: bytes, form: AnswerForm) -> Answer:
    """The answer to the caller. Raises `UpstreamError` when it is none."""
    document = parse_answer(raw)
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(choices, list) or len(choices) != form.answers:
        raise bad_answer(f"the answer is no text completion with {form.answers} choices")
    usage = usage_of(document)
    answered = [_choice(choice, at, form) for at, choice in enumerate(choices)]
    check_not_declined((each["finish_reason"], each["text"]) for each in answered)
    body = {
        **envelope(document, KIND, ID_PREFIX, form),
        "choices": answered,
        **({} if usage is None else {"usage": usage}),
        **extras(document, _TOP),
    }
    counts = usage or {}
    return Answer(
        dumps(body).encode(), JSON_TYPE, count(counts, "prompt_tokens"), count(counts, "completion_tokens")
    )


def _choice(choice: object, at: int, form: AnswerForm) -> dict[str, Any]:
    text = choice.get("text") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(text, str):
        raise bad_answer("the answer is no text completion: it has a choice without a text")
    given = choice.get("finish_reason")
    reason = finish_reason(given)
    if reason is None:
        raise bad_answer("the answer has not ended: it has no finish_reason")
    if given == STOP_SEQUENCE:
        text = without_stop(text, form.cut_off)
    return {
        "text": text,
        "index": at,
        "logprobs": choice.get("logprobs"),
        "finish_reason": reason,
        **extras(choice, CHOICE),
    }
