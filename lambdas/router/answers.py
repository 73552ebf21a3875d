"""What the engines' answers have in common: what is accepted, how JSON is read, how engines say that they failed.

TGI: `{"error": "...", "error_type": "validation"}`, with a status of its own or as an event of a stream that
began with 200; in a chat stream also `{"error": {"message": "...", "http_status_code": 422}}`.
vLLM: `{"error": {"message": "...", "code": 400}}`; before 0.10 the inner object alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.failures import CONTENT_FILTER, CONTEXT_LENGTH, FaultSource, UpstreamError
from lambdas.router.strict_json import JsonError, loads
from lambdas.router.wordings import exceeds_context

MESSAGE_CHARS = 500
# The statuses that TGI gives its errors when it still can (router/src/server.rs); every other kind is a 5xx.
_TGI_STATUS = {
    "validation": 422,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "generation": 424,
    "overloaded": 429,
}


class Answer(NamedTuple):
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
    if isinstance(document, dict) and document.get("error") is not None:
        raise _engine_fault(document)
    return document


def bad_answer(message: str) -> UpstreamError:
    """The model server's answer is not one."""
    return UpstreamError(FaultSource.ANSWER, message, code="BadAnswer")


def stream_cut(message: str) -> UpstreamError:
    """A stream ended before the answer did."""
    return UpstreamError(FaultSource.ANSWER, message, code="StreamCut")


def engine_message(body: str) -> str:
    """The text for people in an engine's error body; the body itself where it is not JSON."""
    try:
        document = loads(body)
    except JsonError:
        document = None
    return _message(document) if isinstance(document, dict) else body[:MESSAGE_CHARS]


def declines_content(body: str) -> bool:
    """Whether an engine's error body, or the guard's in front of it, says that it declines the content."""
    try:
        document = loads(body)
    except JsonError:
        return False
    return isinstance(document, dict) and _declines(document)


def content_refused(message: str) -> UpstreamError:
    """The content is declined; nothing was said."""
    return UpstreamError(FaultSource.ANSWER, message, code=CONTENT_FILTER, from_engine=True)


def count(document: Mapping[str, Any], name: str) -> int | None:
    """A token count, None where it is absent or no whole number."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _engine_fault(document: Mapping[str, Any]) -> UpstreamError:
    """The error that an answer with status 200 reports."""
    message, status = _message(document), _status(document)
    if _declines(document):
        return content_refused(message)
    code = CONTEXT_LENGTH if exceeds_context(status, message) else "EngineError"
    return UpstreamError(FaultSource.ANSWER, message, code=code, status=status, from_engine=True)


def _declines(document: Mapping[str, Any]) -> bool:
    error = document.get("error")
    return isinstance(error, dict) and CONTENT_FILTER in (error.get("code"), error.get("type"))


def _message(document: Mapping[str, Any]) -> str:
    error = document.get("error", document)
    text = error.get("message") if isinstance(error, dict) else error
    return str(text or "the engine reports an error")[:MESSAGE_CHARS]


def _status(document: Mapping[str, Any]) -> int | None:
    error = document["error"]
    if isinstance(error, dict):
        statuses = (count(error, name) for name in ("http_status_code", "code"))
        return next((status for status in statuses if status is not None), None)
    return _TGI_STATUS.get(str(document.get("error_type")))
