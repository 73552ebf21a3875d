"""The ASGI application: SageMaker's container contract under `/containers/<id>`.

PUT    /containers/<id>              start a container (409 with the launcher's words when it refuses)
DELETE /containers/<id>              stop it
GET    /containers/<id>/ping         200 when the model is loaded and lives, 503 otherwise
POST   /containers/<id>/invocations  generate, chat or completion request
GET    /status                       the process: loading, ready or failed
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from endpoints.errors import LocalError
from endpoints.local.model_server.container import Container, ContainerDefinition, Containers
from endpoints.local.model_server.engines.base import Engine
from endpoints.local.model_server.errors import InvocationError, UndecodableError
from endpoints.local.model_server.invocation import Invoker
from endpoints.local.model_server.limits import LaunchRefusedError
from endpoints.local.model_server.schemas import Invocation, parse_invocation

logger = logging.getLogger(__name__)

DEFINITION_LIMIT_BYTES: Final = 256 * 1024  # 100 entries of 1,024 characters each, and room


class LoadState(StrEnum):
    """How far the model is."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass
class Loading:
    """The model's state, and why it failed."""

    state: LoadState = LoadState.LOADING
    reason: str | None = None


class ModelServer:
    """The application's routes over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._containers = Containers(model_window=engine.window)
        self._loading = Loading()

    def app(self) -> Starlette:
        """The ASGI application; the model is loaded in the background when it starts."""
        container = "/containers/{container_id}"
        return Starlette(
            routes=[
                Route(container, self.start_container, methods=["PUT"]),
                Route(container, self.stop_container, methods=["DELETE"]),
                Route(container + "/ping", self.ping, methods=["GET"]),
                Route(container + "/invocations", self.invoke, methods=["POST"]),
                Route("/status", self.status, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        load = asyncio.create_task(self._load())
        yield
        load.cancel()
        await self._engine.close()

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self._engine.load)
        except LocalError as error:
            logger.error("%s", error)
            self._loading = Loading(LoadState.FAILED, str(error))
        else:
            logger.info("%s is ready", self._engine.model_name)
            self._loading = Loading(LoadState.READY)

    async def status(self, _: Request) -> Response:
        """The process' state."""
        return JSONResponse(
            {
                "state": self._loading.state.value,
                "reason": self._loading.reason,
                "model": self._engine.model_name,
                "pid": os.getpid(),
            }
        )

    async def start_container(self, request: Request) -> Response:
        """Register a container."""
        try:
            body = await _read(request, DEFINITION_LIMIT_BYTES)
            definition = ContainerDefinition.model_validate_json(body)
            limits = self._containers.register(request.path_params["container_id"], definition)
        except (UndecodableError, ValidationError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except LaunchRefusedError as refusal:
            logger.error("%s refused to start: %s", request.path_params["container_id"], refusal)
            return JSONResponse({"error": str(refusal)}, status_code=409)
        return JSONResponse({"engine": limits.engine.value, "max_total_tokens": limits.max_total_tokens})

    async def stop_container(self, request: Request) -> Response:
        """Unregister a container."""
        self._containers.unregister(request.path_params["container_id"])
        return Response(status_code=204)

    async def ping(self, request: Request) -> Response:
        """SageMaker's health check."""
        if self._container(request) is None:
            return _unhealthy("no such container", 404)
        if self._loading.state is not LoadState.READY:
            return _unhealthy(self._loading.reason or "the model is being loaded")
        if not await self._engine.is_healthy():
            return _unhealthy("the model does not answer")
        return Response(status_code=200)

    async def invoke(self, request: Request) -> Response:
        """SageMaker's inference request."""
        container = self._container(request)
        if container is None or self._loading.state is not LoadState.READY:
            return _unhealthy("the container is not running")
        invoker = Invoker(self._engine, container)
        try:
            invocation = parse_invocation(await _read_json(request, container))
            invoker.check(invocation)
            return await _respond(request, invoker, invocation)
        except UndecodableError as error:
            return PlainTextResponse(error.message, status_code=error.status)
        except InvocationError as error:
            return JSONResponse(invoker.dialect.error_body(error), status_code=invoker.dialect.status(error))

    def _container(self, request: Request) -> Container | None:
        return self._containers.get(request.path_params["container_id"])


async def _respond(request: Request, invoker: Invoker, invocation: Invocation) -> Response:
    if invocation.stream:
        headers = {"x-compute-type": "cpu", "x-accel-buffering": "no", "cache-control": "no-cache"}
        return StreamingResponse(invoker.events(invocation), media_type="text/event-stream", headers=headers)
    reply = await _unless_disconnected(request, invoker.answer(invocation))
    return JSONResponse(reply.document, headers=reply.headers)


async def _unless_disconnected(request: Request, work: Any) -> Any:
    """Stop generating when nobody waits for the answer any more."""
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise UndecodableError(499, "the client is gone")
        return answer.result()
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _read_json(request: Request, container: Container) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UndecodableError(415, "Expected request with `Content-Type: application/json`")
    return await _read(request, container.limits.payload_limit_bytes)


async def _read(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise UndecodableError(413, "Failed to buffer the request body: length limit exceeded")
    return bytes(body)


def _unhealthy(reason: str, status: int = 503) -> Response:
    return JSONResponse({"error": reason, "error_type": "healthcheck"}, status_code=status)
