"""Application Auto Scaling for SageMaker variants, through a real boto3 client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from endpoints.local.autoscaling.capacity import CapacityKeeper, Wish
from endpoints.local.autoscaling.state import State
from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import client_error, described_variant, make_endpoint, variant
from tests.support.containers import FakeHost
from tests.support.waiting import eventually

RESOURCE_ID = "endpoint/chat/variant/primary"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE_ID,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKING = {
    "TargetValue": 14.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    },
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 30,
}
POLICY = {
    "PolicyName": "concurrency",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": TRACKING,
}


def register(clients: Clients, **params: Any) -> Any:
    capacities: dict[str, Any] = {"MinCapacity": 1, "MaxCapacity": 3}
    return clients.autoscaling.register_scalable_target(**(TARGET | capacities | params))


def targets(clients: Clients, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = clients.autoscaling.describe_scalable_targets(
        **({"ServiceNamespace": "sagemaker"} | params)
    )["ScalableTargets"]
    return rows


def test_a_target_is_described_as_it_was_registered(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)

    arn = register(clients, SuspendedState={"DynamicScalingInSuspended": True})["ScalableTargetARN"]

    (target,) = targets(clients, ResourceIds=[RESOURCE_ID])
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (1, 3, arn)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint" in target["RoleARN"]


def test_registering_again_changes_only_what_is_given(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    arn = register(clients)["ScalableTargetARN"]

    again = clients.autoscaling.register_scalable_target(**TARGET, MaxCapacity=5)

    assert again["ScalableTargetARN"] == arn
    (target,) = targets(clients)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 5)


@pytest.mark.parametrize(
    ("count", "bounds", "expected", "cause"),
    [
        (1, {"MinCapacity": 2}, 2, "minimum capacity was set to 2"),
        (3, {"MaxCapacity": 1}, 1, "maximum capacity was set to 1"),
    ],
)
def test_registering_brings_the_count_into_its_bounds(
    sagemaker: SageMaker, clients: Clients, count: int, bounds: dict[str, int], expected: int, cause: str
) -> None:
    make_endpoint(sagemaker, variant(count=count))

    register(clients, **bounds)

    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == expected)
    eventually(
        lambda: [(a["Cause"], a["StatusCode"]) for a in activities(clients)] == [(cause, "Successful")]
    )


def activities(clients: Clients) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = clients.autoscaling.describe_scaling_activities(**TARGET)[
        "ScalingActivities"
    ]
    return rows


def test_two_variants_of_one_endpoint_are_both_brought_into_their_bounds(
    sagemaker: SageMaker, clients: Clients
) -> None:
    # SageMaker refuses the second change while the first one runs: it has to be tried again
    make_endpoint(sagemaker, variant(), variant("alternative"))

    register(clients, MinCapacity=2)
    register(clients, MinCapacity=2, ResourceId="endpoint/chat/variant/alternative")

    eventually(lambda: described_variant(sagemaker, "primary")["CurrentInstanceCount"] == 2)
    eventually(lambda: described_variant(sagemaker, "alternative")["CurrentInstanceCount"] == 2)


def test_a_count_that_cannot_be_reached_is_not_tried_for_ever(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    host.refuse = {"tgi:1"}

    register(clients, MinCapacity=2)

    eventually(lambda: [a["StatusCode"] for a in activities(clients)] == ["Failed"])
    assert len(host.started) == 2


def test_a_count_that_is_wanted_during_a_change_is_brought_after_it(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    state = State(sagemaker.account, sagemaker.region, sagemaker.cloudwatch)
    state.targets[RESOURCE_ID] = {**TARGET, "MinCapacity": 1, "MaxCapacity": 5}
    keeper = CapacityKeeper(state, sagemaker)
    # given a change to two instances that lasts
    host.hold.clear()
    keeper.want(RESOURCE_ID, Wish(2, "a load"))
    eventually(lambda: described_variant(sagemaker)["DesiredInstanceCount"] == 2)

    keeper.want(RESOURCE_ID, Wish(4, "a larger load"))
    host.hold.set()

    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 4)
    ended = [("a load", "Successful"), ("a larger load", "Successful")]
    eventually(lambda: [(a["Cause"], a["StatusCode"]) for a in state.activities.values()] == ended)
    keeper.close()


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"ResourceId": "endpoint/gone/variant/primary"}, "Could not find endpoint"),
        ({"ResourceId": "endpoint/chat/variant/gone"}, 'Could not find variant "gone"'),
        ({"ResourceId": "service/cluster/web"}, "Unsupported resource ID"),
        (
            {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"},
            "scales sagemaker:variant:DesiredInstanceCount only",
        ),
        ({"MinCapacity": 4}, "Minimum capacity cannot be greater than maximum capacity"),
        ({"MinCapacity": 0}, "Minimum capacity cannot be less than 1"),
        ({"ServiceNamespace": "moon"}, "failed to satisfy constraint: Member must satisfy enum value set"),
    ],
)
def test_an_impossible_target_is_refused(
    sagemaker: SageMaker, clients: Clients, params: dict[str, Any], why: str
) -> None:
    make_endpoint(sagemaker)

    code, message = client_error(register, clients=clients, **params)

    assert code == "ValidationException"
    assert why in message
    assert targets(clients) == []


def test_a_new_target_needs_both_bounds(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)

    code, message = client_error(clients.autoscaling.register_scalable_target, **TARGET, MinCapacity=1)

    assert (code, "MinCapacity and MaxCapacity are required" in message) == ("ValidationException", True)


def test_a_policy_is_described_as_it_was_put(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)

    arn = clients.autoscaling.put_scaling_policy(**TARGET, **POLICY)["PolicyARN"]
    again = clients.autoscaling.put_scaling_policy(**TARGET, **POLICY)["PolicyARN"]

    (policy,) = clients.autoscaling.describe_scaling_policies(**TARGET)["ScalingPolicies"]
    assert policy["PolicyARN"] == arn == again
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    clients.autoscaling.delete_scaling_policy(**TARGET, PolicyName="concurrency")
    assert clients.autoscaling.describe_scaling_policies(**TARGET)["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"PolicyType": "TargetTrackingScaling"}, "needs TargetTrackingScalingPolicyConfiguration"),
        ({}, "needs StepScalingPolicyConfiguration"),
        (
            {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0},
            },
            "exactly one of PredefinedMetricSpecification",
        ),
        (
            {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 1.0,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
                    },
                },
            },
            "is not supported for service namespace sagemaker",
        ),
    ],
)
def test_an_impossible_policy_is_refused(
    sagemaker: SageMaker, clients: Clients, policy: dict[str, Any], why: str
) -> None:
    make_endpoint(sagemaker)
    register(clients)

    code, message = client_error(clients.autoscaling.put_scaling_policy, **TARGET, PolicyName="p", **policy)

    assert (code, why in message) == ("ValidationException", True), message


def test_scheduled_actions_are_kept(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)
    start = datetime(2027, 1, 1, tzinfo=UTC)

    clients.autoscaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="morning",
        Schedule="cron(0 8 * * ? *)",
        StartTime=start,
        ScalableTargetAction={"MinCapacity": 2},
    )

    (action,) = clients.autoscaling.describe_scheduled_actions(ServiceNamespace="sagemaker")[
        "ScheduledActions"
    ]
    assert (action["Schedule"], action["StartTime"]) == ("cron(0 8 * * ? *)", start)
    clients.autoscaling.delete_scheduled_action(**TARGET, ScheduledActionName="morning")
    assert (
        clients.autoscaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    )


def test_what_is_not_registered_is_not_found(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (clients.autoscaling.deregister_scalable_target, {}),
        (clients.autoscaling.put_scaling_policy, POLICY),
        (clients.autoscaling.delete_scaling_policy, {"PolicyName": "p"}),
        (
            clients.autoscaling.put_scheduled_action,
            {"ScheduledActionName": "a", "Schedule": "at(2027-01-01)"},
        ),
        (clients.autoscaling.delete_scheduled_action, {"ScheduledActionName": "a"}),
    ]
    for call, params in calls:
        code, message = client_error(call, **TARGET, **params)
        assert code == "ObjectNotFoundException"
        assert f"registered for service namespace: sagemaker, resource ID: {RESOURCE_ID}" in message


def test_a_deregistered_target_takes_its_policies_with_it(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)
    clients.autoscaling.put_scaling_policy(**TARGET, **POLICY)

    clients.autoscaling.deregister_scalable_target(**TARGET)

    assert targets(clients) == []
    assert (
        clients.autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    )


def test_a_deleted_endpoint_takes_its_targets_with_it(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)

    clients.sagemaker.delete_endpoint(EndpointName="chat")

    assert targets(clients) == []


def test_tags_of_a_target(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    arn = register(clients, Tags={"team": "hiring"})["ScalableTargetARN"]

    clients.autoscaling.tag_resource(ResourceARN=arn, Tags={"cost": "1"})
    clients.autoscaling.untag_resource(ResourceARN=arn, TagKeys=["team"])

    assert clients.autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"cost": "1"}
    unknown = arn[:-4] + "0000"
    assert client_error(clients.autoscaling.list_tags_for_resource, ResourceARN=unknown)[0] == (
        "ResourceNotFoundException"
    )


def test_targets_come_in_pages(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker, variant(), variant("alternative"))
    register(clients)
    register(clients, ResourceId="endpoint/chat/variant/alternative")

    pages = clients.autoscaling.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="sagemaker", PaginationConfig={"PageSize": 1}
    )

    assert [len(page["ScalableTargets"]) for page in pages] == [1, 1]
    error = client_error(targets, clients=clients, NextToken="nowhere")
    assert error[0] == "InvalidNextTokenException"


def test_other_namespaces_have_nothing(clients: Clients) -> None:
    assert targets(clients, ServiceNamespace="ecs") == []
