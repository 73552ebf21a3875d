"""The runtime: InvokeEndpoint and InvokeEndpointWithResponseStream."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
from starlette.requests import Request
from starlette.responses import Response

from endpoints.local.sagemaker.invocation import (
    ATTRIBUTES_HEADER,
    Invocation,
    read_invocation,
    response_header,
)
from endpoints.local.sagemaker.model_errors import ModelErrors
from endpoints.local.sagemaker.routing import Target
from endpoints.local.sagemaker.service import SageMaker
from endpoints.local.sagemaker.streaming import PartsResponse

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class RuntimeTimeouts:
    """SageMaker's: a container has a minute to answer, and eight minutes to finish a stream."""

    answer_s: float = 60.0
    stream_s: float = 480.0


class Runtime:
    """Forwards requests to the containers that the control plane started."""

    def __init__(self, sagemaker: SageMaker, timeouts: RuntimeTimeouts) -> None:
        self._sagemaker = sagemaker
        self._timeouts = timeouts
        self._client: httpx.AsyncClient | None = None

    async def invoke(self, request: Request) -> Response:
        """`POST /endpoints/{endpoint_name}/invocations`. Raises ServiceError."""
        operation, received_s = "InvokeEndpoint", time.perf_counter()
        invocation = await read_invocation(request, operation)
        lease = self._sagemaker.router.lease(invocation.endpoint_name, invocation.target_variant)
        with lease as target, self._sagemaker.metrics.observe(target, received_s):
            answer = await self._send(invocation, target, whole=True)
        return Response(answer.content, headers=_answer_headers(operation, target, answer))

    async def invoke_with_response_stream(self, request: Request) -> Response:
        """`POST /endpoints/{endpoint_name}/invocations-response-stream`. Raises ServiceError before the stream."""
        operation, received_s = "InvokeEndpointWithResponseStream", time.perf_counter()
        invocation = await read_invocation(request, operation)
        async with AsyncExitStack() as stack:
            lease = self._sagemaker.router.lease(invocation.endpoint_name, invocation.target_variant)
            target = stack.enter_context(lease)
            stack.enter_context(self._sagemaker.metrics.observe(target, received_s))
            answer = await self._send(invocation, target, whole=False)
            stack.push_async_callback(answer.aclose)
            headers = _answer_headers(operation, target, answer)
            return PartsResponse(answer, stack.pop_all(), headers, limit_s=self._timeouts.stream_s)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, invocation: Invocation, target: Target, *, whole: bool) -> httpx.Response:
        """The container's answer, with its body if `whole`. Raises ServiceError ModelError unless it succeeded."""
        client = self._http()
        try:
            async with asyncio.timeout(self._timeouts.answer_s):
                answer = await client.send(invocation.container_request(client, target.base_url), stream=True)
                if whole or not answer.is_success:
                    await answer.aread()  # reads to the end, which gives the connection back
        except TimeoutError as error:
            raise self._errors(target).timed_out() from error
        except httpx.TransportError as error:
            self._sagemaker.router.mark_unhealthy(target)
            raise self._errors(target).unreachable() from error
        if not answer.is_success:
            raise self._errors(target).answered(answer.status_code, answer.content)
        return answer

    def _http(self) -> httpx.AsyncClient:
        """Made at the first request: the client belongs to the event loop that serves."""
        if self._client is None:
            timeout = httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S)
            headers = {"Accept-Encoding": "identity"}
            self._client = httpx.AsyncClient(
                limits=_LIMITS, timeout=timeout, headers=headers, trust_env=False
            )
        return self._client

    def _errors(self, target: Target) -> ModelErrors:
        return ModelErrors(self._sagemaker.account, self._sagemaker.region, target.endpoint_name)


def _answer_headers(operation: str, target: Target, answer: httpx.Response) -> dict[str, str]:
    headers = {response_header(operation, "InvokedProductionVariant"): target.variant_name}
    if "content-type" in answer.headers:
        headers[response_header(operation, "ContentType")] = answer.headers["content-type"]
    if ATTRIBUTES_HEADER in answer.headers:
        headers[response_header(operation, "CustomAttributes")] = answer.headers[ATTRIBUTES_HEADER]
    return headers
