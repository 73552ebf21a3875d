"""What surrounds the choices of an OpenAI answer, whole or in chunks: id, time, model, fingerprint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lambdas.router.answers import Answer, bad_answer, count, parse_answer
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.endings import usage_of
from lambdas.router.messages import JSON_TYPE
from lambdas.router.strict_json import dumps

_KNOWN = frozenset(("id", "object", "created", "model", "system_fingerprint", "choices", "usage"))


def choices_of(raw: bytes, form: AnswerForm, what: str) -> tuple[Mapping[str, Any], list[object]]:
    """A whole answer and its choices, not looked into. Raises `UpstreamError` unless there are as many as must come."""
    document = parse_answer(raw)
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(choices, list) or len(choices) != form.answers:
        raise bad_answer(f"the answer is no {what} with {form.answers} choices")
    return document, choices


def whole_answer(
    choices: list[dict[str, Any]], document: Mapping[str, Any], kind: str, prefix: str, form: AnswerForm
) -> Answer:
    """The whole answer for the caller: its choices, and around them what the engine's `document` says."""
    usage = usage_of(document)
    body = {
        **envelope(document, kind, prefix, form),
        "choices": choices,
        **({} if usage is None else {"usage": usage}),
        **extras(document, _KNOWN),
    }
    counts = usage or {}
    return Answer(
        dumps(body).encode(), JSON_TYPE, counts.get("prompt_tokens"), counts.get("completion_tokens")
    )


def envelope(document: Mapping[str, Any], kind: str, prefix: str, form: AnswerForm) -> dict[str, Any]:
    """The members before `choices`. TGI gives no id; engines know their model as a path in the container."""
    given, fingerprint = document.get("id"), document.get("system_fingerprint")
    head = {
        "id": given if isinstance(given, str) and given else f"{prefix}-{form.request_id}",
        "object": kind,
        "created": count(document, "created") or int(time.time()),
        "model": form.name,
    }
    return head if not isinstance(fingerprint, str) else {**head, "system_fingerprint": fingerprint}


def extras(document: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """What an engine gave beyond OpenAI's members, such as its reasoning. Absent things spelt `null` stay away."""
    if document.keys() <= known:
        return {}
    return {name: value for name, value in document.items() if value is not None and name not in known}
