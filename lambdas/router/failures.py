"""An upstream fault -> what it means for the request, for a repetition, and for the candidate. Pure.

Sources: the error shapes of botocore's `sagemaker-runtime` model, and the engines' own status codes, which
SageMaker wraps in ModelError with OriginalStatusCode (TGI: 422 validation, 424 generation, 429 overloaded,
500 incomplete). docs/routing.md has the whole table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from lambdas.router.wordings import exceeds_context, ran_out_of_time

CONTEXT_LENGTH = "context_length"
CONTENT_FILTER = "content_filter"
"""Codes of `UpstreamError` for what engines say in many ways."""


class FaultSource(StrEnum):
    """Where an attempt broke."""

    SERVICE = "service"  # SageMaker answered with an error, the container's own errors included
    ANSWER = "answer"  # the model server's answer is wrong, or says that it failed
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    SETUP = "setup"  # the router's own: no credentials, no region


class FailureKind(StrEnum):
    """What a fault means for the request.

    CALLER ends it. After any other the next candidate is tried; after CONTEXT_LENGTH one with a longer context.
    """

    CALLER = "caller"
    CONTEXT_LENGTH = "context_length"
    REFUSED = "refused"  # the content is declined; another candidate may think otherwise
    UNFIT = "unfit"  # not asked: its engine cannot do what is asked
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    BROKEN = "broken"


class UpstreamError(Exception):
    """One attempt did not give an answer.

    `status` is the engine's own when the engine spoke, else SageMaker's. `message` is for the caller. `detail` is
    SageMaker's own text, for the log alone: it names accounts, roles and ARNs. `retry_after_s` is what the answer asked
    to wait. `asked`: how often the candidate has seen the request in this attempt.
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
        asked: int = 1,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.message = message
        self.code = code
        self.status = status
        self.from_engine = from_engine
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.asked = asked


class Verdict(NamedTuple):
    """What follows from a fault.

    `passes`: the same candidate may well answer if it is asked again a little later. `blames`: it tells something about
    the candidate, so that its circuit breaker counts it; a caller's mistake or the account's throttle does not.
    """

    kind: FailureKind
    passes: bool
    blames: bool


# The account's rate in this region: every candidate's alike.
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
# ValidationError from the runtime itself means that the endpoint or the variant is not there (no longer, or not yet):
# bodies are checked here.
_MISSING = {"ValidationError", "ValidationException"}
_NOT_READY = {"ServiceUnavailable", "ServiceUnavailableException", "ModelNotReadyException"}
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
_SERVICE_HICCUPS = {500, 502}  # of SageMaker itself: AWS's own clients ask again
_RESETS = {"AnswerCut", "ConnectionClosed"}
_NOBODYS = {FailureKind.CALLER, FailureKind.CONTEXT_LENGTH, FailureKind.REFUSED, FailureKind.UNFIT}


def classify(fault: UpstreamError) -> FailureKind:
    """What a fault means for the request. Total over every fault."""
    if fault.code == CONTEXT_LENGTH:
        return FailureKind.CONTEXT_LENGTH
    if fault.code == CONTENT_FILTER:
        return FailureKind.REFUSED
    if fault.source is FaultSource.TIMEOUT or fault.code in _TIMED_OUT:
        return FailureKind.TIMEOUT
    if fault.source is FaultSource.CONNECTION:
        return FailureKind.UNAVAILABLE
    return _classify_engine(fault) if fault.from_engine else _classify_service(fault)


def judge(fault: UpstreamError) -> Verdict:
    """Everything that follows from a fault. Total over every fault."""
    kind = classify(fault)
    return Verdict(kind, passes=_passes(kind, fault), blames=_blames(kind, fault))


def _classify_engine(fault: UpstreamError) -> FailureKind:
    status = fault.status or 0
    if exceeds_context(status, fault.message):
        return FailureKind.CONTEXT_LENGTH
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500 and status not in _NOT_THE_CALLER:
        return FailureKind.CALLER
    return FailureKind.TIMEOUT if ran_out_of_time(fault.message) else FailureKind.BROKEN


def _classify_service(fault: UpstreamError) -> FailureKind:
    if fault.code in _THROTTLED:
        return FailureKind.OVERLOADED
    if fault.code in _MISSING or fault.code in _NOT_READY:
        return FailureKind.UNAVAILABLE
    return _BY_STATUS.get(fault.status or 0, FailureKind.BROKEN)


def _passes(kind: FailureKind, fault: UpstreamError) -> bool:
    if kind is FailureKind.OVERLOADED:
        return True
    if kind is FailureKind.UNAVAILABLE:
        return fault.code not in _MISSING
    if kind is FailureKind.BROKEN:
        hiccup = fault.source is FaultSource.SERVICE and fault.status in _SERVICE_HICCUPS
        return fault.code in _RESETS or (hiccup and not fault.from_engine)
    return False


def _blames(kind: FailureKind, fault: UpstreamError) -> bool:
    if kind in _NOBODYS or fault.source is FaultSource.SETUP:
        return False
    return fault.from_engine or fault.code not in {*_THROTTLED, "CredentialsTimeout"}
