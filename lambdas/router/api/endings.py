"""Why an answer ended and what it cost, in OpenAI's words.

TGI (router/src/lib.rs, `FinishReason`): `length`, `eos_token`, `stop_sequence`; its chat says `stop` for
`eos_token`, its completion chunks say `""` until the end. vLLM (vllm/v1/engine, `FinishReason`): `stop`, `length`,
`abort`, `error`; `tool_calls` from its chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.router.answers import bad_answer, content_refused, count
from lambdas.router.failures import FaultSource, UpstreamError

STOP_SEQUENCE = "stop_sequence"  # TGI's: a sequence of the request's `stop` ended the answer
CONTENT_FILTERED = "content_filter"
_REASONS = {
    "stop": "stop",
    "eos_token": "stop",
    STOP_SEQUENCE: "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    CONTENT_FILTERED: CONTENT_FILTERED,
}
_FAILURES = ("abort", "error")


def finish_reason(given: object) -> str | None:
    """OpenAI's `finish_reason`, None while the answer goes on.

    Raises `UpstreamError` for an ending that is none: the engine gave up, or says something unknown.
    """
    if given is None or given == "":
        return None
    if given in _FAILURES:
        raise UpstreamError(
            FaultSource.ANSWER, f"the engine ended the answer: {given}", code="EngineError", from_engine=True
        )
    reason = _REASONS.get(given) if isinstance(given, str) else None
    if reason is None:
        raise bad_answer(f"the answer ended for an unknown reason: {given!r:.40}")
    return reason


def check_not_declined(endings: Iterable[tuple[str | None, object]]) -> None:
    """Raise `UpstreamError` where every choice ended by a content filter before anything was said.

    `endings` are (finish_reason, what was said). What was said before the filter cut in is an answer.
    """
    if all(reason == CONTENT_FILTERED and not said for reason, said in endings):
        raise content_refused("the content is declined")


def usage_of(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Token usage in OpenAI's shape, None where the engine gave none. Details that are null are left out."""
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    if prompt is None or completion is None:
        return None
    details = {
        name: value for name, value in usage.items() if name.endswith("_details") and isinstance(value, dict)
    }
    return usage_document(prompt, completion) | details


def usage_document(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Token usage in OpenAI's shape."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
