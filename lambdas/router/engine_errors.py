"""How the engines say that something went wrong, and how a wrong answer becomes an `UpstreamError`.

TGI: `{"error": "...", "error_type": "validation"}` with a status; in a chat stream
`{"error": {"message": "...", "http_status_code": 422}}`. vLLM: `{"error": {"message": "...", "code": 400}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from lambdas.router.failures import FaultSource, UpstreamError

MESSAGE_CHARS = 500


def bad_answer(message: str) -> UpstreamError:
    """The model server's answer is not one."""
    return UpstreamError(FaultSource.ANSWER, message, code="BadAnswer")


def reports_error(document: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether an answer, or one event of a stream, is an engine's error despite its status 200."""
    return isinstance(document, dict) and document.get("error") is not None


def engine_fault(document: Mapping[str, Any]) -> UpstreamError:
    """The error that an answer with status 200 reports."""
    message, status = _message(document), _status(document)
    return UpstreamError(FaultSource.ANSWER, message, code="EngineError", status=status, from_engine=True)


def engine_message(body: str) -> str:
    """The text for people in an engine's error body; the body itself where it is not JSON."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    return _message(document) if isinstance(document, dict) else body[:MESSAGE_CHARS]


def _message(document: Mapping[str, Any]) -> str:
    error = document.get("error", document)
    text = error.get("message") if isinstance(error, dict) else error
    return str(text or "the engine reports an error")[:MESSAGE_CHARS]


def _status(document: Mapping[str, Any]) -> int | None:
    error = document["error"]
    if isinstance(error, dict):
        return next(
            (error[key] for key in ("http_status_code", "code") if isinstance(error.get(key), int)), None
        )
    return 422 if document.get("error_type") == "validation" else None
