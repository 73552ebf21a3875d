"""What the engines' answers have in common: an answer that is accepted, and how its JSON is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.router.engine_errors import bad_answer, engine_fault, reports_error
from lambdas.router.strict_json import JsonError, loads


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, ready for the caller. Token counts are None where the engine gave none."""

    body: bytes
    content_type: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def parse_answer(raw: bytes | str) -> object:
    """The JSON of an answer, or of one event of it. Raises `UpstreamError` when it is none, or reports an error."""
    try:
        document = loads(raw)
    except JsonError as error:
        raise bad_answer(f"the answer is {error}") from error
    if reports_error(document):
        raise engine_fault(document)
    return document


def count(document: Mapping[str, Any], name: str) -> int | None:
    """A token count, None where it is absent or no whole number."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
