"""The edge towards SageMaker: one invocation with botocore, every failure as an `UpstreamError`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3.exceptions
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from lambdas.router.answers import MESSAGE_CHARS, engine_message
from lambdas.router.deadline import GATEWAY_LIMIT_S
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.ports import Call
from lambdas.router.within import Cancelled, OutOfTimeError, run_within

if TYPE_CHECKING:
    from botocore.client import BaseClient

CONNECT_TIMEOUT_S = 3.0
# A Lambda answers with at most 6 MB of JSON, in which this answer is a string of JSON with escapes: two bytes of
# UTF-8 can become the seven of `\\u00e9`.
MAX_ANSWER_BYTES = 6 * 1024 * 1024 * 2 // 7 - 64 * 1024
_PIECE_BYTES = 64 * 1024
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError, urllib3.exceptions.TimeoutError, TimeoutError)
# botocore's parser takes it for granted that an error body is what the service model says, down to its UTF-8.
_UNREADABLE = (ParserError, ResponseParserError, AttributeError, TypeError, ValueError, OverflowError)
_CUT_SHORT = (ResponseStreamingError, IncompleteReadError, urllib3.exceptions.ProtocolError)
_CONNECTION_ERRORS = (
    HTTPClientError,
    BotoConnectionError,
    urllib3.exceptions.HTTPError,
    OSError,
)
# botocore lets urllib3's and its own parsers' errors through while a body or an event stream is read.
_TRANSPORT_ERRORS = (BotoCoreError, urllib3.exceptions.HTTPError, OSError, *_UNREADABLE)


def runtime_client() -> BaseClient:
    """A `sagemaker-runtime` client. No retries of botocore's: the router spends its deadline itself."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=GATEWAY_LIMIT_S,  # only ends abandoned reads; the attempt's own limit is `run_within`
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        user_agent_extra="adept-router",
    )
    return Session().create_client("sagemaker-runtime", config=config)


class SageMakerUpstream:
    """An `Upstream` over SageMaker. The client is made once and kept, with its connections."""

    def __init__(self, make_client: Callable[[], BaseClient] = runtime_client) -> None:
        self._make_client = make_client
        self._client: BaseClient | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the client now. Where that fails it is tried again at the first call, which tells why."""
        with suppress(BotoCoreError):
            self._runtime()

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        """The container's whole answer within `timeout_s` seconds. Raises `UpstreamError`."""
        return await asyncio.to_thread(self.ask, call, budget_s=timeout_s)

    async def stream(
        self, call: Call, *, first_s: float, idle_s: float, total_s: float
    ) -> AsyncGenerator[bytes, None]:
        """The container's whole answer in one piece. Raises `UpstreamError`."""
        yield await asyncio.to_thread(self.ask, call, budget_s=min(first_s, idle_s, total_s))

    def ask(self, call: Call, *, budget_s: float) -> bytes:
        """The container's whole answer within `budget_s` seconds. Raises `UpstreamError`."""
        try:
            return run_within(budget_s, partial(self._invoke, call))
        except OutOfTimeError as error:
            raise UpstreamError(FaultSource.TIMEOUT, str(error), code="DeadlineExceeded") from error
        except ClientError as error:
            raise service_fault(error) from error
        except _TRANSPORT_ERRORS as error:
            raise transport_fault(error) from error

    def _invoke(self, call: Call, cancelled: Cancelled) -> bytes:
        ask = self._ask_stream if call.stream else self._ask_whole
        arguments = {
            "EndpointName": call.endpoint_name,
            "TargetVariant": call.variant,
            "ContentType": "application/json",
            "Body": call.body,
        }
        try:
            return ask(arguments, cancelled)
        except ConnectionClosedError:
            # A connection kept from an earlier request: SageMaker closes idle ones, and while Lambda freezes this
            # process nobody notices. Nothing came back on it, so it says nothing about the endpoint.
            if cancelled.is_set():
                raise
            return ask(arguments, cancelled)

    def _ask_whole(self, arguments: dict[str, Any], cancelled: Cancelled) -> bytes:
        body = self._runtime().invoke_endpoint(**arguments)["Body"]
        with closing(body):
            return _joined(body.iter_chunks(_PIECE_BYTES), cancelled)

    def _ask_stream(self, arguments: dict[str, Any], cancelled: Cancelled) -> bytes:
        events = self._runtime().invoke_endpoint_with_response_stream(**arguments)["Body"]
        with closing(events):
            return _joined((event.get("PayloadPart", {}).get("Bytes", b"") for event in events), cancelled)

    def _runtime(self) -> Any:
        with self._lock:  # making a client is not thread-safe; using one is
            if self._client is None:
                self._client = self._make_client()
            return self._client


def _joined(pieces: Iterable[bytes], cancelled: Cancelled) -> bytes:
    answer = bytearray()
    for piece in pieces:
        answer += piece
        if cancelled.is_set():
            raise OutOfTimeError("given up")
        if len(answer) > MAX_ANSWER_BYTES:
            raise UpstreamError(
                FaultSource.ANSWER, f"the answer exceeds {MAX_ANSWER_BYTES} bytes", code="AnswerTooLarge"
            )
    return bytes(answer)


def service_fault(error: ClientError) -> UpstreamError:
    """SageMaker's error. ModelError carries the container's own status and body.

    SageMaker's own text goes no further than the log: it names the account, the role and ARNs. ModelError's own
    is not even logged, because it quotes the container's.
    """
    response: Any = error.response
    detail = response.get("Error", {})
    code = detail.get("Code", "")
    if code == "ModelError":
        said, status = response.get("OriginalMessage"), response.get("OriginalStatusCode")
        message = engine_message(str(said)) if said else "the model server gave no reason"
        return UpstreamError(FaultSource.SERVICE, message, code=code, status=status, from_engine=True)
    return UpstreamError(
        FaultSource.SERVICE,
        f"SageMaker answered {code[:MESSAGE_CHARS]}",
        code=code,
        status=response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
        detail=str(detail.get("Message", ""))[:MESSAGE_CHARS],
    )


def transport_fault(error: Exception) -> UpstreamError:
    """No answer from SageMaker, or not a whole one."""
    name = type(error).__name__
    if isinstance(error, _TIMEOUTS):
        return UpstreamError(FaultSource.TIMEOUT, f"{name} towards SageMaker", code=name)
    if isinstance(error, (*_CUT_SHORT, *_UNREADABLE)):
        return UpstreamError(FaultSource.ANSWER, f"{name} while SageMaker's answer was read", code=name)
    if isinstance(error, _CONNECTION_ERRORS):
        return UpstreamError(FaultSource.CONNECTION, f"{name} towards SageMaker", code=name)
    return UpstreamError(FaultSource.SETUP, f"the router cannot call SageMaker: {name}", code=name)
