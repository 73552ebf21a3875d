"""The whole chain in the real server process, through boto3 only: a bad container on the new fleet raises a CloudWatch
alarm, which rolls the update back, while a client that retries on the other variant sees no failure.

Time runs 60 times faster than on AWS: minutes are seconds.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.ministack.running import Running
from tests.support.waiting import eventually

NAME = "adept-test-chat"
METRIC = {
    "Namespace": "AWS/SageMaker",
    "Dimensions": [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "primary"}],
}


@dataclass
class World:
    """An endpoint of two variants, an alarm on the primary's errors, and a new model to update to."""

    aws: Running
    configs: int = field(default=0)

    def __post_init__(self) -> None:
        self.sagemaker = self.aws.client("sagemaker")
        self.runtime = self.aws.client("sagemaker-runtime")
        self.cloudwatch = self.aws.client("cloudwatch")

    def new_config(self, model_version: str) -> str:
        self.configs += 1
        model, config = f"model-{self.configs}", f"config-{self.configs}"
        container = {"Image": "tgi:1", "Environment": {"MODEL_VERSION": model_version}}
        self.sagemaker.create_model(ModelName=model, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variants = [
            {
                "VariantName": name,
                "ModelName": model,
                "InitialInstanceCount": 2,
                "InstanceType": "ml.g5.xlarge",
            }
            for name in ("primary", "alternative")
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
        return config

    def update(self, config: str, *, canary_s: int) -> None:
        routing = {
            "Type": "CANARY",
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": canary_s,
        }
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}
        alarms = {"Alarms": [{"AlarmName": "primary-5xx"}]}
        self.sagemaker.update_endpoint(
            EndpointName=NAME,
            EndpointConfigName=config,
            DeploymentConfig={"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": alarms},
        )

    def settled(self) -> dict[str, Any]:
        eventually(lambda: self.describe()["EndpointStatus"] == "InService", timeout_s=30, what="InService")
        return self.describe()

    def describe(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=NAME)
        return answer

    def put_faults(self, *containers: dict[str, Any]) -> None:
        body = json.dumps({"containers": containers}).encode()
        url = f"{self.aws.settings.endpoint_url}/_adept/faults"
        with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT")) as answer:
            assert answer.status == 200


ROLE = "arn:aws:iam::000000000000:role/test"


@pytest.fixture(scope="module")
def world(fast_aws: Running) -> World:
    world = World(fast_aws)
    world.cloudwatch.put_metric_alarm(
        AlarmName="primary-5xx",
        MetricName="Invocation5XXErrors",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
        Threshold=0.05,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        **METRIC,
    )
    world.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=world.new_config("a"))
    world.settled()
    return world


def invoke(runtime: Any, variant: str) -> None:
    runtime.invoke_endpoint(EndpointName=NAME, TargetVariant=variant, Body=b"{}")["Body"].read()


@contextmanager
def clients_that_fall_over(world: World) -> Iterator[dict[str, int]]:
    """A client that asks the primary, and the alternative when that fails; counts what it saw."""
    seen = {"answered": 0, "fell over": 0, "failed": 0}
    done = threading.Event()

    def ask() -> None:
        runtime = world.aws.client("sagemaker-runtime")
        while not done.wait(0.01):
            try:
                invoke(runtime, "primary")
                seen["answered"] += 1
            except ClientError:
                try:
                    invoke(runtime, "alternative")
                    seen["fell over"] += 1
                except ClientError:
                    seen["failed"] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join(10)


def test_a_good_update_shifts_and_completes(world: World) -> None:
    config = world.new_config("b")

    with clients_that_fall_over(world) as seen:
        world.update(config, canary_s=60)
        after = world.settled()

    assert after["EndpointConfigName"] == config
    assert "FailureReason" not in after
    assert (seen["fell over"], seen["failed"]) == (0, 0)
    assert seen["answered"] > 20


def test_a_bad_container_on_the_new_fleet_is_rolled_back_by_the_alarm(world: World) -> None:
    before = world.describe()["EndpointConfigName"]
    config = world.new_config("bad")
    # given that only the new model of the primary answers 500
    world.put_faults({"fault": "server-error", "variant": "primary", "environment": {"MODEL_VERSION": "bad"}})

    with clients_that_fall_over(world) as seen:
        world.update(config, canary_s=600)
        after = world.settled()

    # then the endpoint serves its old configuration and says why
    assert after["EndpointConfigName"] == before
    assert (
        "CloudWatch alarms in the AutoRollbackConfiguration are in the ALARM state: primary-5xx."
        in (after["FailureReason"])
    )
    # and the canary's errors reached clients only as fail-overs
    assert seen["failed"] == 0
    assert seen["fell over"] > 0
    # and the alarm recovers by itself
    eventually(lambda: alarm(world)["StateValue"] == "OK", timeout_s=20)
    history = world.cloudwatch.describe_alarm_history(AlarmName="primary-5xx")["AlarmHistoryItems"]
    assert any("to ALARM" in item["HistorySummary"] for item in history)


def alarm(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.cloudwatch.describe_alarms(AlarmNames=["primary-5xx"])["MetricAlarms"][0]
    return found


def test_anybodys_cloudwatch_client_sees_the_metrics(world: World) -> None:
    invoke(world.runtime, "primary")

    def sums() -> list[float]:
        now = datetime.now(UTC)
        answer = world.cloudwatch.get_metric_statistics(
            MetricName="Invocations",
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=300,
            Statistics=["Sum"],
            **METRIC,
        )
        return [row["Sum"] for row in answer["Datapoints"]]

    eventually(lambda: sum(sums()) > 0)


def test_faults_that_cannot_be_understood_are_refused_with_a_reason(world: World) -> None:
    url = f"{world.aws.settings.endpoint_url}/_adept/faults"
    request = urllib.request.Request(url, b'{"containers": [{"fault": "meteor"}]}', method="PUT")

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)

    assert refused.value.code == 400
    assert "meteor" in json.loads(refused.value.read())["message"]
    refused.value.close()
