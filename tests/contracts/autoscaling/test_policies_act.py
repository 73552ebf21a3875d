"""Scaling policies act: on the metrics that the runtime publishes, through alarms, within bounds and cooldowns.

Time runs 200 times faster than on AWS: fifteen minutes of low load are four and a half seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from endpoints.local.alarms import AlarmWatch
from endpoints.local.cloudwatch import TimeScale
from endpoints.local.sagemaker import SageMaker
from tests.contracts.autoscaling.test_autoscaling import RESOURCE_ID, TARGET, activities, register
from tests.contracts.sagemaker.conftest import ACCOUNT, REGION, Clients
from tests.contracts.sagemaker.world import client_error, described_variant, make_endpoint, variant
from tests.support.containers import Call, FakeHost
from tests.support.waiting import eventually

HIGH_RESOLUTION = "SageMakerVariantConcurrentRequestsPerModelHighResolution"


@pytest.fixture
def sagemaker(host: FakeHost) -> Iterator[SageMaker]:
    service = SageMaker(host, account=ACCOUNT, region=REGION, time_scale=TimeScale(200), drain_timeout_s=3)
    watch = AlarmWatch(service.cloudwatch, TimeScale(200))
    watch.start()
    yield service
    watch.close()
    service.close()


def track(clients: Clients, *, target: float = 1.0, metric: str = HIGH_RESOLUTION, **more: Any) -> Any:
    configuration = {
        "TargetValue": target,
        "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        "ScaleInCooldown": 60,
        "ScaleOutCooldown": 60,
    } | more
    return clients.autoscaling.put_scaling_policy(
        **TARGET,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def count(sagemaker: SageMaker) -> int:
    return int(described_variant(sagemaker)["CurrentInstanceCount"])


@contextmanager
def load(clients: Clients, host: FakeHost, *, askers: int, answer_s: float = 0.2) -> Iterator[None]:
    """So many clients that ask again as soon as they have their answer."""
    done = threading.Event()

    def slow(call: Call) -> None:
        time.sleep(answer_s)
        call.answer(b"")

    def ask() -> None:
        while not done.is_set():
            clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read()

    host.behaviour = slow
    threads = [threading.Thread(target=ask) for _ in range(askers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(5)


def test_a_load_step_scales_out_and_back_in(sagemaker: SageMaker, clients: Clients, host: FakeHost) -> None:
    make_endpoint(sagemaker)
    register(clients, MaxCapacity=3)
    alarms = track(clients)["Alarms"]
    # when three requests are in flight all the time
    with load(clients, host, askers=3):
        # then there is an instance for each
        eventually(lambda: count(sagemaker) == 3)
    # and without load there is one again
    eventually(lambda: count(sagemaker) == 1)
    # and the activities say why
    high, low = (alarm["AlarmName"] for alarm in alarms)
    assert high.startswith(f"TargetTracking-{RESOURCE_ID}-AlarmHigh-")
    causes = [activity["Cause"] for activity in reversed(activities(clients))]
    assert causes[0] == f"monitor alarm {high} in state ALARM triggered policy track"
    assert causes[-1] == f"monitor alarm {low} in state ALARM triggered policy track"
    eventually(lambda: {activity["StatusCode"] for activity in activities(clients)} == {"Successful"})


def test_the_alarms_of_a_tracking_policy_are_those_of_the_service(
    sagemaker: SageMaker, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    register(clients)

    named = track(clients, target=10)["Alarms"]

    high, low = sagemaker.cloudwatch.alarms()
    assert [high["AlarmName"], low["AlarmName"]] == [alarm["AlarmName"] for alarm in named]
    assert (high["Threshold"], high["Period"], high["EvaluationPeriods"]) == (10, 10, 3)
    assert (low["Threshold"], low["Period"], low["EvaluationPeriods"]) == (9, 10, 90)
    described = clients.autoscaling.describe_scaling_policies(**TARGET)["ScalingPolicies"][0]["Alarms"]
    assert described == named
    # and they go with the policy
    clients.autoscaling.delete_scaling_policy(**TARGET, PolicyName="track")
    assert sagemaker.cloudwatch.alarms() == []


def test_a_policy_with_scale_in_disabled_only_grows(
    sagemaker: SageMaker, clients: Clients, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    register(clients, MaxCapacity=2)

    (alarm,) = track(clients, DisableScaleIn=True)["Alarms"]

    assert "AlarmHigh" in alarm["AlarmName"]
    with load(clients, host, askers=3):
        eventually(lambda: count(sagemaker) == 2)


def test_invocations_per_instance_are_tracked(sagemaker: SageMaker, clients: Clients, host: FakeHost) -> None:
    make_endpoint(sagemaker)
    register(clients, MaxCapacity=2)

    track(clients, target=1, metric="SageMakerVariantInvocationsPerInstance")

    with load(clients, host, askers=2, answer_s=0.02):  # about 30 in a minute, which is 0.3 s here
        eventually(lambda: count(sagemaker) == 2)


def test_suspended_scaling_does_nothing(sagemaker: SageMaker, clients: Clients, host: FakeHost) -> None:
    make_endpoint(sagemaker)
    register(clients, SuspendedState={"DynamicScalingOutSuspended": True})
    alarm = track(clients)["Alarms"][0]["AlarmName"]

    with load(clients, host, askers=3):
        eventually(lambda: sagemaker.cloudwatch.alarm_states()[alarm] == "ALARM")
        time.sleep(0.3)

    assert count(sagemaker) == 1


def steps(clients: Clients, *adjustments: dict[str, Any], **more: Any) -> str:
    """Put a step policy; its ARN."""
    configuration = {
        "AdjustmentType": "ChangeInCapacity",
        "Cooldown": 600,
        "StepAdjustments": list(adjustments),
    }
    return str(
        clients.autoscaling.put_scaling_policy(
            **TARGET,
            PolicyName="burst",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration=configuration | more,
        )["PolicyARN"]
    )


def put_load_alarm(sagemaker: SageMaker, policy_arn: str) -> None:
    """Rings from one request in flight per instance on, as a person or a stack would make it."""
    names = dict(zip(("EndpointName", "VariantName"), ("chat", "primary"), strict=True))
    sagemaker.cloudwatch.put_alarm(
        {
            "AlarmName": "busy",
            "AlarmActions": [policy_arn],
            "Namespace": "AWS/SageMaker",
            "MetricName": "ConcurrentRequestsPerModel",
            "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()],
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        }
    )


def most_in_flight(sagemaker: SageMaker) -> float:
    """In the last minute, which is 0.3 s here."""
    names = {"EndpointName": "chat", "VariantName": "primary"}
    points = sagemaker.cloudwatch.points(
        "AWS/SageMaker", "ConcurrentRequestsPerModel", names, time.time() - 0.3
    )
    return max((point.value for point in points), default=0.0)


def test_a_step_policy_takes_the_step_for_the_size_of_the_burst_once_per_cooldown(
    sagemaker: SageMaker, clients: Clients, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    register(clients, MaxCapacity=9)
    small = {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 2, "ScalingAdjustment": 1}
    large = {"MetricIntervalLowerBound": 2, "ScalingAdjustment": 3}
    arn = steps(clients, small, large)

    with load(clients, host, askers=5):  # five in flight on one instance: four above the threshold
        eventually(lambda: most_in_flight(sagemaker) == 5)
        put_load_alarm(sagemaker, arn)
        eventually(lambda: count(sagemaker) == 4)
        time.sleep(0.5)

    assert count(sagemaker) == 4
    assert activities(clients)[0]["Cause"] == "monitor alarm busy in state ALARM triggered policy burst"
    policy = clients.autoscaling.describe_scaling_policies(**TARGET)["ScalingPolicies"][0]
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == ["busy"]


def test_a_scheduled_action_changes_the_bounds_and_the_count(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)
    soon = datetime.now(UTC) + timedelta(seconds=1.2)

    clients.autoscaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="morning",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        Timezone="UTC",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 4},
    )

    eventually(lambda: count(sagemaker) == 2)
    (target,) = clients.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)


def test_a_schedule_that_is_none_is_refused(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    register(clients)
    action = {
        "ScheduledActionName": "morning",
        "Schedule": "cron(0 8 * *)",
        "ScalableTargetAction": {"MinCapacity": 2},
    }

    code, message = client_error(clients.autoscaling.put_scheduled_action, **TARGET, **action)

    assert (code, message) == ("ValidationException", "Invalid schedule expression: cron(0 8 * *)")


def test_scaling_leaves_an_endpoint_alone_while_it_is_updated(
    sagemaker: SageMaker, clients: Clients, host: FakeHost
) -> None:
    make_endpoint(sagemaker, variant(count=2))
    register(clients, MinCapacity=2, MaxCapacity=4)
    alarm = track(clients)["Alarms"][0]["AlarmName"]
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    bake = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 1000}
    clients.sagemaker.update_endpoint(
        EndpointName="chat",
        EndpointConfigName="chat-1",
        RetainAllVariantProperties=True,
        DeploymentConfig={"BlueGreenUpdatePolicy": bake},
    )

    with load(clients, host, askers=6):
        eventually(lambda: sagemaker.cloudwatch.alarm_states()[alarm] == "ALARM")
        assert sagemaker.call("DescribeEndpoint", {"EndpointName": "chat"})["EndpointStatus"] == "Updating"
        assert described_variant(sagemaker)["DesiredInstanceCount"] == 2
        # and afterwards it grows
        eventually(lambda: count(sagemaker) == 4)
