"""What surrounds the choices of an OpenAI answer, whole or in chunks: id, time, model, fingerprint."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from lambdas.router.answers import count
from lambdas.router.api.answer_form import AnswerForm


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


def extras(document: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """What an engine gave beyond OpenAI's members, such as its reasoning. Absent things spelt `null` stay away."""
    return {name: value for name, value in document.items() if value is not None and name not in known}
