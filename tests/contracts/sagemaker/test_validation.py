"""What the service model forbids is refused in SageMaker's words, also for what botocore leaves to the service."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import Shape

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.protocol import ServiceError
from endpoints.local.protocol.constraints import validate
from endpoints.local.protocol.models import children, service_model
from endpoints.local.protocol.patterns import compiled
from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import client_error, refusal, variant

MODEL = {"ModelName": "llama", "PrimaryContainer": {"Image": "tgi:1"}}
NAME_PATTERN = r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"


@pytest.mark.parametrize(
    ("params", "constraint"),
    [
        (
            {"ModelName": "x" * 64},
            "at 'modelName' failed to satisfy constraint: Member must have length less than",
        ),
        ({"ModelName": "-no"}, f"Member must satisfy regular expression pattern: {NAME_PATTERN}"),
        (
            {"PrimaryContainer": {"Image": "tgi:1", "Mode": "Both"}},
            "at 'primaryContainer.mode' failed to satisfy constraint: Member must satisfy enum value set: "
            "[SingleModel, MultiModel]",
        ),
        (
            {"PrimaryContainer": {"Image": "tgi:1", "Environment": {"KEY": "v" * 1025}}},
            "at 'primaryContainer.environment' failed to satisfy constraint: Map value must satisfy constraint: "
            "[Member must have length less than or equal to 1024]",
        ),
        (
            {"PrimaryContainer": {"Image": "tgi:1", "Environment": {f"K{i}": "" for i in range(101)}}},
            "Member must have length less than or equal to 100",
        ),
        ({"Tags": [{"Key": "k", "Value": "#"}]}, "at 'tags.1.member.value' failed to satisfy constraint"),
    ],
)
def test_a_value_outside_the_model_is_named_with_its_path(
    sagemaker: SageMaker, params: dict[str, Any], constraint: str
) -> None:
    assert constraint in refusal(sagemaker, "CreateModel", MODEL | params)


def test_every_violation_is_reported_at_once(sagemaker: SageMaker) -> None:
    message = refusal(sagemaker, "CreateEndpointConfig", {"ProductionVariants": []})

    assert message.startswith("2 validation errors detected: Value null at 'endpointConfigName' failed")
    assert "Member must have length greater than or equal to 1" in message


def test_more_than_ten_variants_are_refused(sagemaker: SageMaker) -> None:
    variants = [variant(f"v{i}") for i in range(11)]

    message = refusal(
        sagemaker, "CreateEndpointConfig", {"EndpointConfigName": "chat", "ProductionVariants": variants}
    )

    assert (
        "at 'productionVariants' failed to satisfy constraint: Member must have length less than" in message
    )


def test_a_number_outside_its_range_is_refused(sagemaker: SageMaker) -> None:
    late = variant(ContainerStartupHealthCheckTimeoutInSeconds=3601)

    message = refusal(
        sagemaker, "CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [late]}
    )

    assert "'productionVariants.1.member.containerStartupHealthCheckTimeoutInSeconds'" in message
    assert "Member must have value less than or equal to 3600" in message


@pytest.mark.parametrize("params", [{"ModelName": 3}, {"ModelName": "llama", "Colour": "red"}])
def test_a_wrong_type_or_an_unknown_member_is_a_serialization_error(
    sagemaker: SageMaker, params: dict[str, Any]
) -> None:
    with pytest.raises(ServiceError) as refused:
        sagemaker.call("DescribeModel", params)

    assert refused.value.code == "SerializationException"


def test_an_operation_that_is_not_embedded_says_so(clients: Clients) -> None:
    code, message = client_error(clients.sagemaker.list_training_jobs)

    assert code == "UnknownOperationException"
    assert "has no operation ListTrainingJobs" in message


def test_every_pattern_of_the_embedded_operations_is_understood(
    sagemaker: SageMaker, autoscaling: ApplicationAutoScaling
) -> None:
    runtime = service_model("sagemaker-runtime")
    operations = [runtime.operation_model(n) for n in ("InvokeEndpoint", "InvokeEndpointWithResponseStream")]
    for service in (sagemaker.api, autoscaling.api):
        operations += [service.operation(name) for name in service.operation_names]

    for operation in operations:
        for shape in _shapes(operation.input_shape) + _shapes(operation.output_shape):
            compiled(shape.metadata.get("pattern", ""))


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 3/a", "a#b"),
        (r"\p{ASCII}*", "a b", "é"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a😀\n", "\x00"),
        (r"\p{Print}+", "policy", "poli\ncy"),
    ],
)
def test_java_classes_mean_the_same_in_python(pattern: str, fits: str, does_not: str) -> None:
    assert compiled(pattern).fullmatch(fits)
    assert not compiled(pattern).fullmatch(does_not)


def test_a_service_without_input_takes_anything() -> None:
    validate({"any": 1}, None)


def _shapes(shape: Shape | None, seen: frozenset[str] = frozenset()) -> list[Shape]:
    if shape is None or shape.name in seen:
        return []
    below = [found for child in children(shape) for found in _shapes(child, seen | {shape.name})]
    return [shape, *below]
