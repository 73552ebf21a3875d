"""A stack's DeploymentConfig and ScheduledActions reach the services, and a rolled back update fails the stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts.ministack.running import Running
from tests.contracts.ministack.stacks import Stack
from tests.contracts.ministack.templates import template

NAME = "adept-test-stack"


def body(version: str, *, evening: bool = True) -> str:
    """Two instances, a canary watched by an alarm of the same stack, and an action in the evening."""
    document = json.loads(
        template(environment={"MODEL_VERSION": version}, endpoint_name=NAME, max_capacity="4")
    )
    resources = document["Resources"]
    resources["Config"]["Properties"]["ProductionVariants"][0]["InitialInstanceCount"] = "2"
    resources["Alarm"] = _alarm()
    resources["Endpoint"]["Properties"]["DeploymentConfig"] = _canary()
    target = resources["Target"]["Properties"]
    target["MinCapacity"] = "2"
    target["ScheduledActions"] = [
        {
            "ScheduledActionName": name,
            "Schedule": f"cron(0 {hour} ? * MON-FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": "2", "MaxCapacity": "2"},
        }
        for name, hour in (("morning", 8), ("evening", 18))[: 2 if evening else 1]
    ]
    return json.dumps(document)


def _alarm() -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "primary"}]
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": f"{NAME}-model-errors",
            "Namespace": "AWS/SageMaker",
            "MetricName": "InvocationModelErrors",
            "Dimensions": dimensions,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "ignore",  # without requests it stays in the state that a test sets
        },
    }


def _canary() -> dict[str, Any]:
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": "1"},
        "WaitIntervalInSeconds": "60",
    }
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": "60"},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": {"Ref": "Alarm"}}]},
    }


@pytest.fixture(scope="module")
def stack(fast_aws: Running) -> Stack:
    stack = Stack(fast_aws, NAME)
    assert stack.create(body("a")) == "CREATE_COMPLETE"
    return stack


def describe(stack: Stack) -> dict[str, Any]:
    answer: dict[str, Any] = stack.aws.client("sagemaker").describe_endpoint(EndpointName=NAME)
    return answer


def test_an_update_of_the_stack_is_a_canary(stack: Stack) -> None:
    before = describe(stack)["EndpointConfigName"]

    assert stack.update(body("b")) == "UPDATE_COMPLETE"

    after = describe(stack)
    assert after["EndpointConfigName"] != before
    routing = after["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}


def test_an_update_that_an_alarm_stops_fails_the_stack_with_the_alarms_name(stack: Stack) -> None:
    before = describe(stack)["EndpointConfigName"]
    stack.aws.client("cloudwatch").set_alarm_state(
        AlarmName=f"{NAME}-model-errors", StateValue="ALARM", StateReason="the test says so"
    )

    assert stack.update(body("c")) == "UPDATE_ROLLBACK_COMPLETE"

    assert describe(stack)["EndpointConfigName"] == before
    assert f"in the ALARM state: {NAME}-model-errors" in stack.reasons("Endpoint")[0]
    assert f"in the ALARM state: {NAME}-model-errors" in describe(stack)["FailureReason"]


def test_scheduled_actions_come_and_go_with_the_template(stack: Stack) -> None:
    def names() -> set[str]:
        client = stack.aws.client("application-autoscaling")
        actions = client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
        return {action["ScheduledActionName"] for action in actions}

    assert names() == {"morning", "evening"}

    assert stack.update(body("b", evening=False)) == "UPDATE_COMPLETE"

    assert names() == {"morning"}
