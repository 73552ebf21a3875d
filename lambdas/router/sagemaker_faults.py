"""What SageMaker, the way to it or its streams can say instead of an answer -> `UpstreamError`. Pure.

The wire protocol is AWS's rest-json: the code in `x-amzn-errortype` or in the body, the message and ModelError's
members in the body, which need not be what the service model says.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time

from lambdas.router.answers import MESSAGE_CHARS, declines_content, engine_message
from lambdas.router.failures import CONTENT_FILTER, FaultSource, UpstreamError
from lambdas.router.http.errors import BadResponse, ConnectFailed, ConnectionLost, HttpError, TimedOut
from lambdas.router.strict_json import JsonError, loads

_TIMED_OUT = {"connect": "ConnectTimeout", "answer": "DeadlineExceeded"}


def service_fault(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """SageMaker's error. ModelError carries the container's own status and body.

    SageMaker's own text goes no further than the log: it names the account, the role and ARNs. ModelError's own
    is not even logged, because it quotes the container's.
    """
    members = _members(body)
    code = _code(headers, members)
    retry_after_s = _retry_after_s(headers)
    if code == "ModelError":
        said, own_status = members.get("OriginalMessage"), members.get("OriginalStatusCode")
        return UpstreamError(
            FaultSource.SERVICE,
            engine_message(str(said)) if said else "the model server gave no reason",
            code=CONTENT_FILTER if declines_content(str(said)) else code,
            status=own_status if isinstance(own_status, int) else None,
            from_engine=True,
            retry_after_s=retry_after_s,
        )
    return UpstreamError(
        FaultSource.SERVICE,
        f"SageMaker answered {code or status}",
        code=code,
        status=status,
        detail=str(members.get("message") or members.get("Message") or "")[:MESSAGE_CHARS],
        retry_after_s=retry_after_s,
    )


def stream_fault(headers: Mapping[str, str], payload: bytes) -> UpstreamError:
    """An exception within a stream: ModelStreamError, InternalStreamFailure, or what may join them."""
    code = headers.get(":exception-type") or headers.get(":error-code") or "StreamError"
    reason = str(_members(payload).get("ErrorCode") or "")
    return UpstreamError(
        FaultSource.TIMEOUT if reason == "ModelInvocationTimeExceeded" else FaultSource.ANSWER,
        f"SageMaker ended the stream with {code[:MESSAGE_CHARS]}",
        code=code,
        detail=reason[:MESSAGE_CHARS],
    )


def transport_fault(error: HttpError) -> UpstreamError:
    """No answer from SageMaker, or not a whole one."""
    match error:
        case TimedOut():
            said = "no connection" if error.phase == "connect" else "no complete answer"
            return UpstreamError(FaultSource.TIMEOUT, f"{said} in time", code=_TIMED_OUT[error.phase])
        case ConnectFailed():
            return UpstreamError(FaultSource.CONNECTION, f"{error.cause} towards SageMaker", code=error.cause)
        case ConnectionLost(began=False):
            said, code = "SageMaker hung up", "ConnectionClosed"
            return UpstreamError(FaultSource.CONNECTION, said, code=code, asked=error.asked)
        case BadResponse(too_large=True):
            return UpstreamError(FaultSource.ANSWER, str(error), code="AnswerTooLarge")
        case BadResponse():
            return UpstreamError(FaultSource.ANSWER, "SageMaker's answer cannot be read", code="BadResponse")
        case _:
            return UpstreamError(FaultSource.ANSWER, "SageMaker's answer was cut", code="AnswerCut")


def setup_fault(cause: str) -> UpstreamError:
    """The router's own: no credentials, no region, no address."""
    return UpstreamError(FaultSource.SETUP, f"the router cannot call SageMaker: {cause}", code=cause[:80])


def _members(body: bytes) -> Mapping[str, object]:
    try:
        document = loads(body)
    except JsonError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(headers: Mapping[str, str], members: Mapping[str, object]) -> str:
    """As botocore reads it: `ModelError:http://internal...` and `com.amazon#ModelError` are a ModelError."""
    said = headers.get("x-amzn-errortype") or members.get("__type") or members.get("code") or ""
    return str(said).partition(":")[0].rpartition("#")[2][:MESSAGE_CHARS]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; None where nothing sensible is said."""
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        from email.utils import parsedate_to_datetime  # ten milliseconds, and hardly anybody sends dates

        try:
            seconds = parsedate_to_datetime(said).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if 0 <= seconds < 86_400 else None
