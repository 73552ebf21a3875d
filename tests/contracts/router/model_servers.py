"""The local model server behind the router, in this process: what one sends, the other must take."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from uuid import uuid4

import httpx

from endpoints.local.model_server.container import Container
from endpoints.local.model_server.errors import InvocationError
from endpoints.local.model_server.invocation import Invoker
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import parse_invocation
from lambdas.router.answers import engine_message
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.messages import Request, StreamedBody
from lambdas.router.ports import Call
from lambdas.router.service import Router
from tests.unit.local.fake_engine import FakeEngine


class ModelServers:
    """An `Upstream`: one container for each variant, named by its engine; both say `words`."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        assert timeout_s > 0
        invoker = self._invoker(call)
        try:
            request = parse_invocation(call.body)
            invoker.check(request)
            reply = await invoker.answer(request)
        except InvocationError as error:
            raise _wrapped(invoker, error) from None
        return json.dumps(reply.document).encode()

    async def stream(
        self, call: Call, *, first_s: float, idle_s: float, total_s: float
    ) -> AsyncGenerator[bytes, None]:
        assert min(first_s, idle_s, total_s) > 0
        async for event in self._invoker(call).events(parse_invocation(call.body)):
            yield event

    def _invoker(self, call: Call) -> Invoker:
        engine = ServingEngine(call.variant)
        limits = Limits(engine, max_total_tokens=4096, max_input_tokens=2000, calls_tools_by_itself=False)
        return Invoker(FakeEngine(self.words), Container(limits))


class RouterTransport(httpx.AsyncBaseTransport):
    """Hands requests to a router without a network; a stream's events pass as they come."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = Request(
            request.method,
            request.url.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.aread(),
            request_id=str(uuid4()),
        )
        response, _ = await self._router.handle(asked)
        body = response.body
        content = body if isinstance(body, bytes) else _Events(body)
        return httpx.Response(response.status, headers=dict(response.headers), content=content)


class _Events(httpx.AsyncByteStream):
    def __init__(self, body: StreamedBody) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()


def _wrapped(invoker: Invoker, error: InvocationError) -> UpstreamError:
    """As SageMaker wraps a container's error."""
    return UpstreamError(
        FaultSource.SERVICE,
        engine_message(json.dumps(invoker.dialect.error_body(error))),
        code="ModelError",
        status=invoker.dialect.status(error),
        from_engine=True,
    )
