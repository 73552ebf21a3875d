"""What the engines' answers have in common: an answer that is accepted, and how its JSON is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.router.engine_errors import bad_answer, engine_fault, reports_error


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, ready for the caller. Token counts are None where the engine gave none."""

    body: bytes
    content_type: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def parse_answer(raw: bytes) -> Any:
    """The JSON of a whole answer. Raises `UpstreamError` when it is none, or reports an error."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise bad_answer("the answer is not JSON") from error
    if reports_error(document):
        raise engine_fault(document)
    return document


def count(document: Mapping[str, Any], name: str) -> int | None:
    """A token count, None where it is absent or no whole number."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
