"""The wire: `sagemaker` and `application-autoscaling` (JSON 1.1) and `sagemaker-runtime` (REST) as one ASGI app."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.protocol import ModelledService, ServiceError
from endpoints.local.protocol.wire import JSON_1_1, decode_body, encode, error_body
from endpoints.local.sagemaker.runtime import Runtime, RuntimeTimeouts
from endpoints.local.sagemaker.service import SageMaker

_log = logging.getLogger(__name__)
_RUNTIME_PREFIX = "/endpoints/"


def create_app(
    sagemaker: SageMaker, autoscaling: ApplicationAutoScaling, *, timeouts: RuntimeTimeouts | None = None
) -> Starlette:
    """Routes by path and `X-Amz-Target`. Does not depend on ASGI lifespan events being delivered."""
    runtime = Runtime(sagemaker, timeouts or RuntimeTimeouts())
    json_api = _JsonApi({"SageMaker": sagemaker.api, "AnyScaleFrontendService": autoscaling.api})
    path = _RUNTIME_PREFIX + "{endpoint_name}/"
    stream = Route(
        path + "invocations-response-stream", runtime.invoke_with_response_stream, methods=["POST"]
    )
    routes = [
        Route("/", json_api.answer, methods=["POST"]),
        Route(path + "invocations", runtime.invoke, methods=["POST"]),
        stream,
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await runtime.close()

    handlers = {ServiceError: _service_error, Exception: _internal_failure}
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)


class _JsonApi:
    """`POST /` with `X-Amz-Target: <service>.<operation>`."""

    def __init__(self, services: Mapping[str, ModelledService]) -> None:
        self._services = services

    async def answer(self, request: Request) -> Response:
        target = request.headers.get("x-amz-target", "")
        prefix, _, operation_name = target.partition(".")
        service = self._services.get(prefix)
        if service is None:
            raise ServiceError("UnknownOperationException", f"No service answers to X-Amz-Target {target!r}.")
        operation = service.operation(operation_name)
        params = decode_body(await request.body(), operation.input_shape)
        answer = await run_in_threadpool(service.call, operation_name, params)
        shape = operation.output_shape
        body = json.dumps(encode(answer, shape)) if shape else ""
        return Response(body, media_type=JSON_1_1, headers=_request_id())


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 -- Starlette dispatches on the class
    is_runtime = request.url.path.startswith(_RUNTIME_PREFIX)
    headers = _request_id() | {"x-amzn-errortype": error.code}
    media_type = "application/json" if is_runtime else JSON_1_1
    return Response(json.dumps(error_body(error)), error.status, headers, media_type)


async def _internal_failure(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return await _service_error(
        request, ServiceError("InternalFailure", f"{type(error).__name__}: {error}", 500)
    )


def _request_id() -> dict[str, str]:
    return {"x-amzn-requestid": str(uuid.uuid4())}
