"""What the embedded SageMaker publishes to CloudWatch: names, dimensions and values of the developer guide."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from endpoints.local.alarms import statistic
from endpoints.local.cloudwatch import Point, TimeScale
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.metrics import Usage
from tests.contracts.sagemaker.conftest import ACCOUNT, REGION, Clients
from tests.contracts.sagemaker.world import client_error, make_endpoint, variant
from tests.support.containers import Call, FakeHost
from tests.support.waiting import eventually

VARIANT = {"EndpointName": "chat", "VariantName": "primary"}


@pytest.fixture
def sagemaker(host: FakeHost) -> Iterator[SageMaker]:
    service = SageMaker(
        host,
        account=ACCOUNT,
        region=REGION,
        time_scale=TimeScale(200),
        drain_timeout_s=3,
        usages=lambda: {"chat/primary": Usage(cpu=12.5, memory=30.0, disk=50.0)},
    )
    yield service
    service.close()


def points(
    sagemaker: SageMaker, name: str, *, namespace: str = "AWS/SageMaker", dimensions: dict[str, str] = VARIANT
) -> list[Point]:
    return sagemaker.cloudwatch.points(namespace, name, dimensions, 0.0)


def total(sagemaker: SageMaker, name: str, stat: str = "Sum") -> float | None:
    return statistic(stat, points(sagemaker, name))


def invoke(clients: Clients, times: int) -> None:
    for _ in range(times):
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read()


def published(sagemaker: SageMaker, invocations: int) -> None:
    eventually(lambda: total(sagemaker, "Invocations") == invocations)


def test_invocations_are_counted_per_variant(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker, variant(count=2))

    invoke(clients, 4)

    published(sagemaker, 4)
    assert total(sagemaker, "InvocationsPerInstance") == 2  # 1/instances per request
    for name in ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"):
        assert (total(sagemaker, name), total(sagemaker, name, "SampleCount")) == (0, 4)


def test_latencies_are_in_microseconds(sagemaker: SageMaker, clients: Clients, host: FakeHost) -> None:
    def slow(call: Call) -> None:
        time.sleep(0.05)
        call.answer(b"")

    host.behaviour = slow
    make_endpoint(sagemaker)

    invoke(clients, 2)

    published(sagemaker, 2)
    latency = total(sagemaker, "ModelLatency", "Minimum")
    overhead = total(sagemaker, "OverheadLatency", "Maximum")
    assert latency is not None
    assert overhead is not None
    assert 50_000 <= latency < 5_000_000
    assert 0 < overhead < 5_000_000


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        (400, {"Invocation4XXErrors": 1, "Invocation5XXErrors": 0, "InvocationModelErrors": 1}),
        (503, {"Invocation4XXErrors": 0, "Invocation5XXErrors": 1, "InvocationModelErrors": 1}),
    ],
)
def test_errors_of_the_container_are_counted(
    sagemaker: SageMaker, clients: Clients, host: FakeHost, status: int, errors: dict[str, float]
) -> None:
    make_endpoint(sagemaker)
    host.behaviour = lambda call: call.answer(b"no", status)

    client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")

    published(sagemaker, 1)
    assert {name: total(sagemaker, name) for name in errors} == errors


def test_an_answer_that_never_comes_is_a_model_error(
    sagemaker: SageMaker, clients: Clients, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    host.behaviour = Call.hang_up

    client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")

    published(sagemaker, 1)
    assert (total(sagemaker, "InvocationModelErrors"), total(sagemaker, "Invocation5XXErrors")) == (1, 0)


def test_a_stream_counts_when_it_has_ended(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)

    answer = clients.runtime.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"")
    list(answer["Body"])

    published(sagemaker, 1)
    assert total(sagemaker, "ModelLatency", "SampleCount") == 1


def test_a_single_fleet_can_be_told_apart_by_its_configuration(
    sagemaker: SageMaker, clients: Clients
) -> None:
    make_endpoint(sagemaker)

    invoke(clients, 1)

    published(sagemaker, 1)
    assert points(sagemaker, "Invocations", dimensions=VARIANT | {"EndpointConfigName": "chat-1"})
    assert not points(sagemaker, "Invocations", dimensions=VARIANT | {"EndpointConfigName": "chat-2"})


def test_concurrent_requests_are_sampled_while_there_is_nothing_to_do_too(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker)

    eventually(lambda: points(sagemaker, "ConcurrentRequestsPerModel"))

    assert total(sagemaker, "ConcurrentRequestsPerModel", "Maximum") == 0


@pytest.mark.parametrize(("instance_type", "has_gpu"), [("ml.g5.xlarge", True), ("ml.m5.xlarge", False)])
def test_the_usage_of_instances_is_that_of_the_local_process(
    sagemaker: SageMaker, instance_type: str, has_gpu: bool
) -> None:
    make_endpoint(sagemaker, variant(InstanceType=instance_type))
    namespace = "/aws/sagemaker/Endpoints"

    eventually(lambda: points(sagemaker, "CPUUtilization", namespace=namespace))

    names = ("CPUUtilization", "MemoryUtilization", "DiskUtilization")
    values = [points(sagemaker, name, namespace=namespace)[0].value for name in names]
    assert values == [12.5, 30.0, 50.0]
    for name in ("GPUUtilization", "GPUMemoryUtilization"):
        assert bool(points(sagemaker, name, namespace=namespace)) == has_gpu
