"""One request of the runtime API: read from HTTP by the service model, and forwarded to a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.model import OperationModel, StructureShape
from starlette.requests import Request

from endpoints.local.protocol import ServiceError
from endpoints.local.protocol.constraints import validate
from endpoints.local.protocol.models import service_model

ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
_DISCARDED_BYTES = (
    64 << 20
)  # an oversized body is read to its end up to here, so that the client sees the answer
_NOT_EMBEDDED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName")


@dataclass(frozen=True)
class Invocation:
    """The parameters of InvokeEndpoint or InvokeEndpointWithResponseStream."""

    params: Mapping[str, Any]

    @property
    def endpoint_name(self) -> str:
        return str(self.params["EndpointName"])

    @property
    def target_variant(self) -> str | None:
        return self.params.get("TargetVariant")

    def container_request(self, client: httpx.AsyncClient, base_url: str) -> httpx.Request:
        """`POST /invocations` with the headers that SageMaker passes on."""
        headers = {
            "Content-Type": self.params.get("ContentType"),
            "Accept": self.params.get("Accept"),
            ATTRIBUTES_HEADER: self.params.get("CustomAttributes"),
            "X-Amzn-SageMaker-Inference-Id": self.params.get("InferenceId"),
        }
        given = {name: value for name, value in headers.items() if value is not None}
        url = f"{base_url.rstrip('/')}/invocations"
        return client.build_request("POST", url, headers=given, content=self.params["Body"])


async def read_invocation(request: Request, operation_name: str) -> Invocation:
    """Raises ServiceError ValidationError for parameters that the model refuses."""
    operation = service_model("sagemaker-runtime").operation_model(operation_name)
    params = _headers(request, operation) | {"EndpointName": request.path_params["endpoint_name"]}
    params["Body"] = await _body(request, _max_body_bytes(operation))
    try:
        validate(params, operation.input_shape)
    except ServiceError as error:
        raise ServiceError("ValidationError", error.message) from error
    for name in _NOT_EMBEDDED:
        if name in params:
            raise ServiceError("ValidationError", f"The embedded SageMaker does not have {name}.")
    return Invocation(params)


def response_header(operation_name: str, member: str) -> str:
    """The name of the HTTP header that carries a member of an operation's answer."""
    shape = service_model("sagemaker-runtime").operation_model(operation_name).output_shape
    assert isinstance(shape, StructureShape)  # noqa: S101 -- for the type checker; both operations have one
    return str(shape.members[member].serialization["name"])


def _headers(request: Request, operation: OperationModel) -> dict[str, Any]:
    shape = operation.input_shape
    members = shape.members.items() if isinstance(shape, StructureShape) else ()
    names = {n: m.serialization["name"] for n, m in members if m.serialization.get("location") == "header"}
    return {member: request.headers[name] for member, name in names.items() if name in request.headers}


def _max_body_bytes(operation: OperationModel) -> int:
    shape = operation.input_shape
    return int(shape.members["Body"].metadata["max"]) if isinstance(shape, StructureShape) else 0


async def _body(request: Request, max_bytes: int) -> bytes:
    """The body, or one byte more than is allowed, which validation refuses."""
    body, received = bytearray(), 0
    async for chunk in request.stream():
        received += len(chunk)
        body += chunk[: max_bytes + 1 - len(body)]
        if received > _DISCARDED_BYTES:
            break
    return bytes(body)
