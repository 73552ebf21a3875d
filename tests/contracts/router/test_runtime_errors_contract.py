"""The router's idea of SageMaker's errors against botocore's own service model."""

from __future__ import annotations

import pytest
from botocore.model import Shape, StructureShape
from botocore.session import Session

from lambdas.router.failures import FailureKind, FaultSource, UpstreamError, classify

MODEL = Session().get_service_model("sagemaker-runtime")
OPERATIONS = ("InvokeEndpoint", "InvokeEndpointWithResponseStream")
ERRORS = {shape.name: shape for name in OPERATIONS for shape in MODEL.operation_model(name).error_shapes}


def members(shape: Shape | None) -> set[str]:
    assert isinstance(shape, StructureShape)
    return set(shape.members)


@pytest.mark.parametrize("code", sorted(set(ERRORS) - {"ModelError"}))
def test_no_error_of_the_service_itself_is_blamed_on_the_caller(code: str) -> None:
    status = ERRORS[code].metadata.get("error", {}).get("httpStatusCode")
    fault = UpstreamError(FaultSource.SERVICE, "m", code=code, status=status)
    assert classify(fault) is not FailureKind.CALLER


def test_the_members_of_model_error_that_the_router_reads_exist() -> None:
    assert {"OriginalStatusCode", "OriginalMessage"} <= members(ERRORS["ModelError"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_parameters_that_the_router_sends_exist(operation: str) -> None:
    sent = {"EndpointName", "TargetVariant", "ContentType", "Body", "CustomAttributes"}
    assert sent <= members(MODEL.operation_model(operation).input_shape)
