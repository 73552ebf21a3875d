"""An upstream fault -> fall over, or tell the caller; the faults of every attempt -> one error.

Sources: the error shapes of botocore's `sagemaker-runtime` model, and the engines' own status codes, which
SageMaker wraps in ModelError with OriginalStatusCode (TGI: 422 validation, 424 generation, 429 overloaded,
500 incomplete).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lambdas.router.errors import INVALID_REQUEST, RATE_LIMIT, SERVER_ERROR, ApiError


class FaultSource(StrEnum):
    """Where an attempt broke."""

    SERVICE = "service"  # SageMaker answered with an error, the container's own errors included
    ANSWER = "answer"  # the model server's answer is wrong, or says that it failed
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    SETUP = "setup"  # the router's own: no credentials, no region


class FailureKind(StrEnum):
    """What a fault means for the request.

    Only CALLER ends it; after any other the next candidate is tried.
    """

    CALLER = "caller"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    BROKEN = "broken"


class UpstreamError(Exception):
    """One attempt did not give an answer.

    `status` is the engine's own when the engine spoke, else SageMaker's. `message` is for the caller. `detail` is
    SageMaker's own text, for the log alone: it names accounts, roles and ARNs. `retry_after_s` is what the answer asked
    to wait.
    """

    def __init__(
        self,
        source: FaultSource,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        from_engine: bool = False,
        detail: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.message = message
        self.code = code
        self.status = status
        self.from_engine = from_engine
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A candidate's failure, as it is told to the caller."""

    role: str
    kind: FailureKind
    message: str


_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
# ValidationError from the runtime itself means that the endpoint or the variant is not there: bodies are
# checked here.
_NOT_THERE = {
    "ValidationError",
    "ValidationException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ModelNotReadyException",
}
_TIMED_OUT = {"RequestTimeout", "RequestTimeoutException"}
_BY_STATUS = {
    408: FailureKind.TIMEOUT,
    429: FailureKind.OVERLOADED,
    503: FailureKind.UNAVAILABLE,
    504: FailureKind.TIMEOUT,
}
# 4xx that say something about the server behind the endpoint, not about the request: a wrong path, method or
# token, a conflict, a generation that failed.
_NOT_THE_CALLER = {401, 403, 404, 405, 409, 424, 425}


def classify(fault: UpstreamError) -> FailureKind:
    """What a fault means. Pure; total over every fault."""
    if fault.source is FaultSource.TIMEOUT or fault.code in _TIMED_OUT:
        return FailureKind.TIMEOUT
    if fault.source is FaultSource.CONNECTION:
        return FailureKind.UNAVAILABLE
    if fault.from_engine:
        return _classify_engine(fault)
    return _classify_service(fault)


def _classify_engine(fault: UpstreamError) -> FailureKind:
    status = fault.status or 0
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500 and status not in _NOT_THE_CALLER:
        return FailureKind.CALLER
    return FailureKind.TIMEOUT if "timed out" in fault.message.lower() else FailureKind.BROKEN


def _classify_service(fault: UpstreamError) -> FailureKind:
    if fault.code in _THROTTLED:
        return FailureKind.OVERLOADED
    if fault.code in _NOT_THERE:
        return FailureKind.UNAVAILABLE
    return _BY_STATUS.get(fault.status or 0, FailureKind.BROKEN)


def caller_error(fault: UpstreamError) -> ApiError:
    """The engine refused the request: 413 stays 413, everything else is a 400, as OpenAI's API answers."""
    status = 413 if fault.status == 413 else 400
    return ApiError(status, fault.message, kind=INVALID_REQUEST, code="engine_refused")


def stream_error(fault: UpstreamError) -> ApiError:
    """A stream that broke after its beginning: what the caller has is not the whole answer."""
    message = f"The answer was cut short: {fault.message}"
    return ApiError(_STATUSES[classify(fault)], message, kind=SERVER_ERROR, code="stream_interrupted")


def combined_error(use_case: str, attempts: Sequence[FailedAttempt]) -> ApiError:
    """One error for a request that no candidate answered. It names every cause; none masks another."""
    status = _combined_status({attempt.kind for attempt in attempts})
    causes = "; ".join(f"{attempt.role}: {attempt.kind} ({attempt.message})" for attempt in attempts)
    message = f"No candidate of {use_case} answered. {causes}"
    headers = {"retry-after": _RETRY_AFTER_S[status]} if status in _RETRY_AFTER_S else None
    kind = RATE_LIMIT if status == 429 else SERVER_ERROR
    return ApiError(status, message, kind=kind, code=_CODES[status], headers=headers)


_RETRY_AFTER_S = {429: "1", 503: "5"}
_STATUSES = {
    FailureKind.CALLER: 400,
    FailureKind.OVERLOADED: 429,
    FailureKind.UNAVAILABLE: 503,
    FailureKind.TIMEOUT: 504,
    FailureKind.BROKEN: 502,
}
_CODES = {
    429: "candidates_overloaded",
    502: "candidates_failed",
    503: "candidates_unavailable",
    504: "candidates_timed_out",
}


def _combined_status(kinds: set[FailureKind]) -> int:
    """The one status that every cause supports; where causes differ, whether waiting can help decides."""
    if kinds == {FailureKind.TIMEOUT}:
        return 504
    if kinds == {FailureKind.OVERLOADED}:
        return 429
    return 502 if FailureKind.BROKEN in kinds else 503
