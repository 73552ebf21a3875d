"""The failures of a request's attempts -> the one error that its caller gets. It names every cause, and masks none."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from lambdas.router.errors import INVALID_REQUEST, RATE_LIMIT, SERVER_ERROR, ApiError
from lambdas.router.failures import FailureKind, UpstreamError, classify

STREAM_INTERRUPTED = "stream_interrupted"
"""The code of the error with which a stream ends that broke."""

_RETRY_AFTER_S = {429: 1, 503: 5}
_CODES = {
    429: "candidates_overloaded",
    502: "candidates_failed",
    503: "candidates_unavailable",
    504: "candidates_timed_out",
}
_STATUSES = {
    FailureKind.OVERLOADED: 429,
    FailureKind.UNAVAILABLE: 503,
    FailureKind.TIMEOUT: 504,
    FailureKind.BROKEN: 502,
}
_ABOUT_THE_REQUEST = {FailureKind.CONTEXT_LENGTH, FailureKind.REFUSED, FailureKind.UNFIT}
_REQUEST_CODES = {
    FailureKind.CONTEXT_LENGTH: "context_length_exceeded",  # OpenAI's own code
    FailureKind.REFUSED: "content_filter",  # Azure OpenAI's
}


class FailedAttempt(NamedTuple):
    """A candidate's failure, as it is told to the caller."""

    role: str
    kind: FailureKind
    message: str
    retry_after_s: float | None = None


def caller_error(fault: UpstreamError, earlier: Sequence[FailedAttempt] = ()) -> ApiError:
    """The engine refused the request: 413 stays 413, everything else is a 400, as OpenAI's API answers.

    `earlier` are candidates that failed before it was asked.
    """
    status = 413 if fault.status == 413 else 400
    before = f" Before it: {_told(earlier)}." if earlier else ""
    return ApiError(status, fault.message + before, kind=INVALID_REQUEST, code="engine_refused")


def combined_error(use_case: str, failed: Sequence[FailedAttempt]) -> ApiError:
    """The error of a request that no candidate answered."""
    others = {attempt.kind for attempt in failed} - _ABOUT_THE_REQUEST
    if not others:
        return _request_error(failed)
    status = _combined_status(others)
    message = f"No candidate of {use_case} answered. {_told(failed)}"
    headers = {"retry-after": _retry_after(status, failed)} if status in _RETRY_AFTER_S else None
    kind = RATE_LIMIT if status == 429 else SERVER_ERROR
    return ApiError(status, message, kind=kind, code=_CODES[status], headers=headers)


def stream_error(fault: UpstreamError) -> ApiError:
    """A stream that broke after its beginning: what the caller has is not the whole answer."""
    message = f"The answer was cut short: {fault.message}"
    status = _STATUSES.get(classify(fault), 502)
    return ApiError(status, message, kind=SERVER_ERROR, code=STREAM_INTERRUPTED)


def _request_error(failed: Sequence[FailedAttempt]) -> ApiError:
    """Every candidate that was asked found the request itself to be the matter."""
    message = failed[0].message if len(failed) == 1 else _told(failed)
    code = next(
        (_REQUEST_CODES[each.kind] for each in failed if each.kind in _REQUEST_CODES), "engine_refused"
    )
    return ApiError(400, message, kind=INVALID_REQUEST, code=code)


def _told(failed: Sequence[FailedAttempt]) -> str:
    causes = [f"{each.role}: {each.kind} ({each.message})" for each in failed]
    return "; ".join(
        f"{cause}, {causes.count(cause)} times" if causes.count(cause) > 1 else cause
        for cause in dict.fromkeys(causes)
    )


def _combined_status(kinds: set[FailureKind]) -> int:
    """The one status that every cause supports; where causes differ, whether waiting can help decides."""
    if kinds == {FailureKind.TIMEOUT}:
        return 504
    if kinds == {FailureKind.OVERLOADED}:
        return 429
    return 502 if FailureKind.BROKEN in kinds else 503


def _retry_after(status: int, failed: Sequence[FailedAttempt]) -> str:
    """Seconds until the first candidate may answer again."""
    asked_s = [each.retry_after_s for each in failed if each.retry_after_s is not None]
    return str(max(1, ceil(min(asked_s)))) if asked_s else str(_RETRY_AFTER_S[status])
