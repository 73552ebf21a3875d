"""Limits and faults that are asked for: quotas, missing capacity, containers that misbehave.

Time runs 600 times faster than on AWS.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.errors import LocalError
from endpoints.local.cloudwatch import TimeScale
from endpoints.local.sagemaker import SageMaker, ServiceError
from tests.contracts.sagemaker.conftest import ACCOUNT, REGION, Clients
from tests.contracts.sagemaker.world import (
    client_error,
    describe,
    described_variant,
    make_config,
    make_endpoint,
    make_model,
    settled,
    variant,
)
from tests.support.containers import FakeHost
from tests.support.waiting import eventually

G5, G6 = "ml.g5.xlarge", "ml.g6.xlarge"
NO_CAPACITY = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."


@pytest.fixture
def sagemaker(host: FakeHost) -> Iterator[SageMaker]:
    service = SageMaker(
        host,
        account=ACCOUNT,
        region=REGION,
        time_scale=TimeScale(600),
        drain_timeout_s=3,
        health_interval_s=0.05,
    )
    yield service
    service.close()


def pooled(**more: Any) -> dict[str, Any]:
    """A variant with a fallback for missing capacity."""
    pools = [{"InstanceType": G6, "Priority": 2}, {"InstanceType": G5, "Priority": 1}]
    config = variant(count=2) | {"InstancePools": pools} | more
    del config["InstanceType"]
    return config


def create(sagemaker: SageMaker, config: dict[str, Any]) -> None:
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", config)
    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})


def update_to_a_new_image(sagemaker: SageMaker) -> str | None:
    make_model(sagemaker, "llama-2", image="tgi:2")
    make_config(sagemaker, "chat-2", variant(model="llama-2"))
    sagemaker.call("UpdateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-2"})
    return settled(sagemaker)


def test_a_quota_counts_both_fleets_of_an_update(sagemaker: SageMaker) -> None:
    # given a quota that is enough for one fleet
    sagemaker.faults.put({"quotas": {G5: 1}})
    make_endpoint(sagemaker)
    # when, then
    with pytest.raises(ServiceError) as refused:
        sagemaker.call("UpdateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})
    assert refused.value.code == "ResourceLimitExceeded"
    assert refused.value.message == (
        "The account-level service limit 'ml.g5.xlarge for endpoint usage' is 1 Instances, with current utilization "
        "of 1 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for "
        "this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
    )
    assert describe(sagemaker)["EndpointStatus"] == "InService"


def test_a_quota_of_zero_refuses_an_endpoint(sagemaker: SageMaker, clients: Clients) -> None:
    sagemaker.faults.put({"quotas": {G5: 0}})
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", variant())

    code, _ = client_error(
        clients.sagemaker.create_endpoint, EndpointName="chat", EndpointConfigName="chat-1"
    )

    assert code == "ResourceLimitExceeded"


def test_an_endpoint_without_capacity_fails_in_sagemakers_words(
    sagemaker: SageMaker, clients: Clients
) -> None:
    sagemaker.faults.put({"capacity": {G5: 0}})

    create(sagemaker, variant())

    assert settled(sagemaker) == "Failed"
    reason = clients.sagemaker.describe_endpoint(EndpointName="chat")["FailureReason"]
    assert reason.startswith(NO_CAPACITY)
    assert "Consider configuring InstancePools" in reason


def test_an_endpoint_that_failed_uses_nothing_of_a_quota(sagemaker: SageMaker) -> None:
    sagemaker.faults.put({"quotas": {G5: 1}, "capacity": {G5: 0}})
    create(sagemaker, variant())
    assert settled(sagemaker) == "Failed"
    sagemaker.faults.put({"quotas": {G5: 1}})

    sagemaker.call("CreateEndpoint", {"EndpointName": "another", "EndpointConfigName": "chat-1"})

    assert settled(sagemaker, "another") == "InService"


def test_an_update_without_capacity_goes_back(sagemaker: SageMaker) -> None:
    sagemaker.faults.put({"capacity": {G5: 1}})
    make_endpoint(sagemaker)

    assert update_to_a_new_image(sagemaker) == "InService"

    assert describe(sagemaker)["EndpointConfigName"] == "chat-1"
    assert describe(sagemaker)["FailureReason"].startswith(NO_CAPACITY)


def test_instance_pools_fall_to_the_next_type(sagemaker: SageMaker, clients: Clients) -> None:
    sagemaker.faults.put({"capacity": {G5: 1}})

    create(sagemaker, pooled())

    assert settled(sagemaker) == "InService"
    (shown,) = clients.sagemaker.describe_endpoint(EndpointName="chat")["ProductionVariants"]
    assert shown["InstancePools"] == [
        {"InstanceType": G5, "CurrentInstanceCount": 1},
        {"InstanceType": G6, "CurrentInstanceCount": 1},
    ]


def test_capacity_is_waited_for_as_long_as_the_variant_allows(sagemaker: SageMaker) -> None:
    # given pools without capacity, and half an hour of patience
    sagemaker.faults.put({"capacity": {G5: 0, G6: 0}})
    create(sagemaker, pooled(VariantInstanceProvisionTimeoutInSeconds=1800))
    time.sleep(0.1)
    assert describe(sagemaker)["EndpointStatus"] == "Creating"
    # when capacity comes
    sagemaker.faults.put({})
    # then
    assert settled(sagemaker) == "InService"


def test_patience_for_capacity_ends(sagemaker: SageMaker) -> None:
    sagemaker.faults.put({"capacity": {G5: 0, G6: 0}})

    create(sagemaker, pooled(VariantInstanceProvisionTimeoutInSeconds=300))

    assert settled(sagemaker) == "Failed"


def test_growth_without_capacity_rolls_back_to_the_count_before(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker)
    sagemaker.faults.put({"capacity": {G5: 1}})
    seen: set[str] = set()
    sagemaker.on_change = lambda: seen.add(describe(sagemaker)["EndpointStatus"])

    wanted = [{"VariantName": "primary", "DesiredInstanceCount": 3}]
    sagemaker.call(
        "UpdateEndpointWeightsAndCapacities", {"EndpointName": "chat", "DesiredWeightsAndCapacities": wanted}
    )

    assert settled(sagemaker) == "InService"
    assert seen == {"Updating", "RollingBack", "InService"}
    assert described_variant(sagemaker)["DesiredInstanceCount"] == 1


def test_a_server_error_hits_only_containers_that_start_afterwards(
    sagemaker: SageMaker, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    sagemaker.faults.put(
        {"containers": [{"fault": "server-error", "endpoint": "chat", "variant": "primary"}]}
    )
    assert clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read() == b"primary-1"

    assert update_to_a_new_image(sagemaker) == "InService"

    # the new container passes its health check and answers 500
    code, message = client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")
    assert code == "ModelError"
    assert message.startswith("Received server error (500) from primary")
    assert described_variant(sagemaker)["CurrentInstanceCount"] == 1
    # until the fault ends
    sagemaker.faults.put({})
    assert clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read() == b"primary-2"


def test_an_overloaded_container_answers_429(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    sagemaker.faults.put({"containers": [{"fault": "overloaded", "running": True}]})

    code, message = client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")

    assert code == "ModelError"
    assert message.startswith("Received client error (429) from primary")


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({}, True),
        ({"image": "tgi:1"}, True),
        ({"environment": {"MODEL": "b"}}, True),
        ({"endpoint": "other"}, False),
        ({"variant": "alternative"}, False),
        ({"image": "tgi:2"}, False),
        ({"environment": {"MODEL": "a"}}, False),
    ],
)
def test_a_fault_hits_what_its_rule_names(
    sagemaker: SageMaker, clients: Clients, rule: dict[str, Any], hit: bool
) -> None:
    make_model(sagemaker, "llama", Environment={"MODEL": "b"})
    make_endpoint(sagemaker)

    sagemaker.faults.put({"containers": [{"fault": "server-error", "running": True} | rule]})

    if hit:
        assert client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")[0] == "ModelError"
    else:
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read()


def test_a_crashed_container_is_unhealthy_and_answers_nobody(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)

    sagemaker.faults.put({"containers": [{"fault": "crash", "running": True}]})

    _, message = client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"")
    assert "refused or closed before it answered" in message
    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 0)
    sagemaker.faults.put({})
    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 1)


def test_a_container_that_never_gets_healthy_fails_the_update(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker)
    sagemaker.faults.put({"containers": [{"fault": "never-healthy"}]})

    assert update_to_a_new_image(sagemaker) == "InService"

    assert describe(sagemaker)["EndpointConfigName"] == "chat-1"
    assert "did not pass the ping health check" in describe(sagemaker)["FailureReason"]


@pytest.mark.parametrize(("seconds", "config_name"), [(120, "chat-2"), (500, "chat-1")])
def test_a_slow_start_is_waited_for_until_the_start_up_time_out(
    sagemaker: SageMaker, seconds: float, config_name: str
) -> None:
    # the time-out is 240 s
    make_endpoint(sagemaker)
    sagemaker.faults.put({"containers": [{"fault": "slow-start", "seconds": seconds}]})

    assert update_to_a_new_image(sagemaker) == "InService"

    assert describe(sagemaker)["EndpointConfigName"] == config_name


@pytest.mark.parametrize(
    "document", [{"quota": {}}, {"containers": [{"fault": "meteor"}]}, {"capacity": {G5: "x"}}]
)
def test_faults_that_cannot_be_understood_are_refused(sagemaker: SageMaker, document: dict[str, Any]) -> None:
    with pytest.raises(LocalError, match="cannot be understood"):
        sagemaker.faults.put(document)
