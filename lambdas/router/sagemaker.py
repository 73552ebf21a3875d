"""The edge towards SageMaker: an endpoint invoked, whole or streamed; every failure as an `UpstreamError`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from awscrt.auth import AwsCredentialsProvider

from lambdas.router.aws.credentials import Credentials, CredentialsError, configured_region
from lambdas.router.aws.endpoints import EndpointError, region_of, sagemaker_runtime
from lambdas.router.aws.signing import Signer
from lambdas.router.eventstream import EventStreamDecoder, EventStreamError, Message
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.http.client import Exchange, HttpClient
from lambdas.router.http.errors import BadResponse, HttpError
from lambdas.router.http.tls import client_context
from lambdas.router.ports import Call
from lambdas.router.sagemaker_faults import service_fault, setup_fault, stream_fault, transport_fault

# A Lambda answers with at most 6 MB of JSON, in which this answer is a string of JSON with escapes: two bytes of
# UTF-8 can become the seven of `\\u00e9`.
MAX_ANSWER_BYTES = 6 * 1024 * 1024 * 2 // 7 - 64 * 1024
MAX_STREAM_BYTES = 32 * 1024 * 1024  # of one stream, on the wire: no answer of text is as long
_MAX_ERROR_BYTES = 256 * 1024
_SERVICE = "sagemaker"  # the name that signatures bear


class Runtime(NamedTuple):
    """SageMaker's runtime in one region: how to sign for it and how to reach it."""

    signer: Signer
    client: HttpClient

    @classmethod
    def of_region(cls, region: str) -> Runtime:
        """Opens nothing. Raises EndpointError."""
        origin = sagemaker_runtime(region, os.environ)
        return cls(Signer(region, _SERVICE, origin.host_header), HttpClient(origin))


class SageMakerUpstream:
    """An `Upstream` over SageMaker. Holds no connection, no credentials and no secret before the first call."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._credentials = credentials or Credentials()
        self._runtime: Runtime | None = None

    def prepare(self) -> None:
        """Do now what needs no network and would take a caller's time: the address, and whom to trust there.

        Where that fails it is tried again at the first call, which tells why.
        """
        region = region_of(os.environ)
        if region is None:
            return
        try:
            self._runtime = Runtime.of_region(region)
            if self._runtime.client.origin.is_tls:
                client_context()
        except (EndpointError, OSError):
            self._runtime = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port that are asked; None while they are not known."""
        if self._runtime is None:
            return None
        origin = self._runtime.client.origin
        return origin.host, origin.port

    def close(self) -> None:
        """Close the kept connections."""
        if self._runtime is not None:
            self._runtime.client.close()

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        """The container's whole answer within `timeout_s` seconds. Raises `UpstreamError`."""
        due_s = asyncio.get_running_loop().time() + timeout_s
        runtime, request = await self._signed(call, due_s)
        try:
            async with runtime.client.exchange(request, due_s) as exchange:
                body = await exchange.connection.body(due_s, MAX_ANSWER_BYTES)
        except HttpError as error:
            raise transport_fault(error) from error
        if exchange.head.status != 200:
            raise service_fault(exchange.head.status, exchange.head.headers, body)
        return body

    async def stream(
        self, call: Call, *, first_s: float, idle_s: float, total_s: float
    ) -> AsyncGenerator[bytes, None]:
        """The container's answer as it comes.

        The first piece comes within `first_s` seconds, the next ones within `idle_s` each of when they were asked
        for, the end within `total_s`. Raises `UpstreamError`; closing the generator drops the connection.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + total_s
        due_s = min(loop.time() + first_s, end_s)
        runtime, request = await self._signed(call, due_s)
        try:
            async with runtime.client.exchange(request, due_s) as exchange:
                if exchange.head.status != 200:
                    raise await _refusal(exchange, due_s)
                parts = _Parts()
                while data := await exchange.connection.piece(due_s):
                    if piece := parts.read(data):
                        yield piece
                        due_s = min(loop.time() + idle_s, end_s)
                    if parts.fault is not None:
                        raise parts.fault
                parts.end()
        except HttpError as error:
            raise transport_fault(error) from error

    async def _signed(self, call: Call, due_s: float) -> tuple[Runtime, bytes]:
        try:
            runtime, credentials = self._runtime, self._credentials.at_hand()
            if runtime is None or credentials is None:
                runtime, credentials = await self._found(due_s)
            target = runtime.client.origin.base_path + _target(call.endpoint_name, call.stream)
            return runtime, runtime.signer.request(credentials, target, _headers(call), call.body)
        except CredentialsError as error:
            raise setup_fault(error.cause) from error

    async def _found(self, due_s: float) -> tuple[Runtime, AwsCredentialsProvider]:
        """What has to be waited for: a region, credentials. Raises CredentialsError, UpstreamError."""
        try:
            async with asyncio.timeout_at(due_s):
                return self._runtime or await self._reach(), await self._credentials.provider()
        except TimeoutError as error:
            raise UpstreamError(
                FaultSource.TIMEOUT, "no credentials in time", code="CredentialsTimeout"
            ) from error
        except EndpointError as error:
            raise setup_fault(str(error)) from error

    async def _reach(self) -> Runtime:
        region = region_of(os.environ) or await configured_region()
        if region is None:
            raise CredentialsError("NoRegionError")
        self._runtime = Runtime.of_region(region)
        return self._runtime


@lru_cache(maxsize=1024)
def _target(endpoint_name: str, stream: bool) -> str:
    operation = "invocations-response-stream" if stream else "invocations"
    return f"/endpoints/{quote(endpoint_name, safe='')}/{operation}"


def _headers(call: Call) -> list[tuple[str, str]]:
    headers = [("content-type", "application/json"), ("x-amzn-sagemaker-target-variant", call.variant)]
    if call.custom_attributes is not None:
        headers.append(("x-amzn-sagemaker-custom-attributes", call.custom_attributes))
    return headers


async def _refusal(exchange: Exchange, due_s: float) -> UpstreamError:
    body = await exchange.connection.body(due_s, _MAX_ERROR_BYTES)
    return service_fault(exchange.head.status, exchange.head.headers, body)


class _Parts:
    """The bytes of a streamed answer -> what the container sent. `fault` is the one that ended it, if any."""

    def __init__(self) -> None:
        self._decoder = EventStreamDecoder()
        self._received_bytes = 0
        self.fault: UpstreamError | None = None

    def read(self, data: bytes) -> bytes:
        """What `data` holds of the container's bytes, up to a fault."""
        self._received_bytes += len(data)
        if self._received_bytes > MAX_STREAM_BYTES:
            self.fault = transport_fault(
                BadResponse(f"the answer exceeds {MAX_STREAM_BYTES} bytes", too_large=True)
            )
            return b""
        try:
            messages = self._decoder.feed(data)
        except EventStreamError as error:
            self.fault = _broken_stream(str(error))
            return b""
        return self._joined(messages)

    def end(self) -> None:
        """The stream is over. Raises `UpstreamError` when it was cut within a message."""
        if not self._decoder.is_between_messages:
            raise _broken_stream("it was cut within a message")

    def _joined(self, messages: list[Message]) -> bytes:
        payloads = []
        for headers, payload in messages:
            if headers.get(":message-type") != "event":
                self.fault = stream_fault(headers, payload)
                break
            if headers.get(":event-type") == "PayloadPart":
                payloads.append(payload)
        return b"".join(payloads)


def _broken_stream(reason: str) -> UpstreamError:
    return UpstreamError(FaultSource.ANSWER, f"SageMaker's stream is broken: {reason}", code="BrokenStream")
