"""DeploymentConfig: how an update shifts traffic, bakes, and goes back when an alarm rings.

Time runs 600 times faster than on AWS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.local.cloudwatch import TimeScale
from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import ACCOUNT, REGION, Clients
from tests.contracts.sagemaker.world import (
    describe,
    make_config,
    make_endpoint,
    make_model,
    refusal,
    settled,
    variant,
)
from tests.support.containers import FakeHost
from tests.support.waiting import eventually

LONG_S, SHORT_S = 3600, 60  # 6 s and 0.1 s here


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


def traffic(
    kind: str, *, wait_s: int = SHORT_S, bake_s: int = 0, alarms: bool = False, **size: Any
) -> dict[str, Any]:
    """A DeploymentConfig; `size` is CanarySize or LinearStepSize as (type, value)."""
    sizes = {name: {"Type": unit, "Value": value} for name, (unit, value) in size.items()}
    routing = {"Type": kind, "WaitIntervalInSeconds": wait_s} | sizes
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": bake_s}
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": policy} | rollback


CANARY: Any = {"CanarySize": ("INSTANCE_COUNT", 1)}


def given_an_update_is_ready(
    sagemaker: SageMaker, *, count: int = 2, variants: tuple[str, ...] = ("primary",)
) -> None:
    """Endpoint `chat` serves chat-1 (image tgi:1); chat-2 has the same variants with image tgi:2."""
    make_endpoint(sagemaker, *(variant(name, count=count) for name in variants))
    make_model(sagemaker, "llama-2", image="tgi:2")
    make_config(sagemaker, "chat-2", *(variant(name, model="llama-2", count=count) for name in variants))


def update(sagemaker: SageMaker, deployment: dict[str, Any] | None, **more: Any) -> None:
    params = {"EndpointName": "chat", "EndpointConfigName": "chat-2"} | more
    sagemaker.call("UpdateEndpoint", params | ({"DeploymentConfig": deployment} if deployment else {}))


def stage(sagemaker: SageMaker) -> tuple[str, str]:
    """Status and message of what the running deployment does with the primary variant."""
    pending = describe(sagemaker).get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])[0]
    status = pending.get("VariantStatus", [{"Status": "", "StatusMessage": ""}])[0]
    return status["Status"], status["StatusMessage"]


def answering_images(clients: Clients, host: FakeHost, *, requests: int) -> Counter[str]:
    """Which images answer that many requests."""
    found: Counter[str] = Counter()
    for _ in range(requests):
        container = clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read().decode()
        found[host.running[container].image] += 1
    return found


def test_a_canary_gets_its_share_of_the_traffic_and_then_all_of_it(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    given_an_update_is_ready(sagemaker)
    # when the update bakes a canary of one instance in two
    update(sagemaker, traffic("CANARY", wait_s=LONG_S, **CANARY))
    eventually(lambda: stage(sagemaker)[0] == "Baking")
    # then about half of the requests go to the new fleet
    images = answering_images(clients, host, requests=40)
    assert images["tgi:1"] > 5
    assert images["tgi:2"] > 5
    # and the deployment shows, in SageMaker's shapes and words
    shown = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("Updating", "chat-1")
    (pending,) = shown["PendingDeploymentSummary"]["ProductionVariants"]
    assert (pending["CurrentWeight"], pending["CurrentInstanceCount"], pending["InstanceType"]) == (
        0.5,
        2,
        "ml.g5.xlarge",
    )
    assert stage(sagemaker)[1] == (
        "Baking for 3600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
    )
    # and in the end the new fleet serves alone
    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["EndpointConfigName"] == "chat-2"
    assert set(answering_images(clients, host, requests=5)) == {"tgi:2"}
    eventually(lambda: Counter(spec.image for spec in host.running.values()) == {"tgi:2": 2})


def test_a_linear_update_goes_in_equal_steps(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker, count=4)
    messages: list[str] = []

    def note() -> bool:
        if (message := stage(sagemaker)[1]) and message not in messages:
            messages.append(message)
        return bool(describe(sagemaker)["EndpointStatus"] == "InService")

    update(sagemaker, traffic("LINEAR", wait_s=120, bake_s=120, LinearStepSize=("CAPACITY_PERCENT", 25)))

    eventually(note)
    baking = [message.split("traffic enabled on ")[1] for message in messages if message.startswith("Baking")]
    assert baking == [
        "partial capacity of 1 instance(s).",
        "partial capacity of 2 instance(s).",
        "partial capacity of 3 instance(s).",
        "full capacity of 4 instance(s).",
    ]


def test_the_old_fleet_stays_until_the_bake_is_over(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    given_an_update_is_ready(sagemaker)

    update(sagemaker, traffic("ALL_AT_ONCE", wait_s=0, bake_s=600))
    eventually(lambda: stage(sagemaker)[0] == "Baking")

    assert set(answering_images(clients, host, requests=10)) == {"tgi:2"}
    assert Counter(spec.image for spec in host.running.values()) == {"tgi:1": 2, "tgi:2": 2}
    assert settled(sagemaker) == "InService"
    eventually(lambda: Counter(spec.image for spec in host.running.values()) == {"tgi:2": 2})


def test_a_canary_works_for_endpoints_with_several_variants(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker, variants=("primary", "alternative"))

    update(sagemaker, traffic("CANARY", **CANARY))

    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["EndpointConfigName"] == "chat-2"


@pytest.mark.parametrize("when", ["canary capacity", "full capacity"])
def test_an_alarm_brings_all_traffic_back_to_the_old_fleet(
    sagemaker: SageMaker, host: FakeHost, clients: Clients, when: str
) -> None:
    given_an_update_is_ready(sagemaker)
    sagemaker.cloudwatch.put_alarm({"AlarmName": "errors", "StateValue": "OK"})
    canary_s, bake_s = (LONG_S, 0) if when == "canary capacity" else (0, LONG_S)
    update(sagemaker, traffic("CANARY", wait_s=canary_s, bake_s=bake_s, alarms=True, **CANARY))
    eventually(lambda: when in stage(sagemaker)[1] and stage(sagemaker)[0] == "Baking")

    sagemaker.cloudwatch.set_alarm_state("errors", "ALARM", "too many")

    assert settled(sagemaker) == "InService"
    after = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert after["EndpointConfigName"] == "chat-1"
    assert "AutoRollbackConfiguration are in the ALARM state: errors." in after["FailureReason"]
    assert "PendingDeploymentSummary" not in after
    assert set(answering_images(clients, host, requests=5)) == {"tgi:1"}
    assert Counter(spec.image for spec in host.running.values()) == {"tgi:1": 2}


def test_an_alarm_that_rings_already_stops_the_update_before_it_starts_anything(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    given_an_update_is_ready(sagemaker)
    sagemaker.cloudwatch.put_alarm({"AlarmName": "errors", "StateValue": "ALARM"})

    update(sagemaker, traffic("CANARY", alarms=True, **CANARY))

    assert settled(sagemaker) == "InService"
    assert "ALARM state: errors" in describe(sagemaker)["FailureReason"]
    assert {spec.image for spec in host.started} == {"tgi:1"}


def test_an_alarm_that_does_not_exist_is_refused(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker)
    params = {"EndpointName": "chat", "EndpointConfigName": "chat-2"}

    message = refusal(
        sagemaker, "UpdateEndpoint", params | {"DeploymentConfig": traffic("ALL_AT_ONCE", alarms=True)}
    )

    assert message.endswith("alarms in AutoRollbackConfiguration do not exist: errors.")
    assert describe(sagemaker)["EndpointStatus"] == "InService"


def test_an_alarm_that_is_deleted_meanwhile_rolls_back(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker)
    sagemaker.cloudwatch.put_alarm({"AlarmName": "errors", "StateValue": "OK"})
    update(sagemaker, traffic("CANARY", wait_s=LONG_S, alarms=True, **CANARY))
    eventually(lambda: stage(sagemaker)[0] == "Baking")

    sagemaker.cloudwatch.delete_alarm("errors")

    assert settled(sagemaker) == "InService"
    assert "do not exist: errors" in describe(sagemaker)["FailureReason"]


def test_a_deployment_that_takes_too_long_rolls_back(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker)
    deployment = traffic("CANARY", wait_s=LONG_S, **CANARY)
    deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600

    update(sagemaker, deployment)

    assert settled(sagemaker) == "InService"
    assert "exceeded MaximumExecutionTimeoutInSeconds (600)" in describe(sagemaker)["FailureReason"]


def test_a_retained_deployment_config_shifts_again_in_the_same_way(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker)
    update(sagemaker, traffic("CANARY", **CANARY))
    assert settled(sagemaker) == "InService"

    update(sagemaker, None, EndpointConfigName="chat-1", RetainDeploymentConfig=True)

    eventually(lambda: "canary capacity" in stage(sagemaker)[1])
    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["LastDeploymentConfig"] == traffic("CANARY", **CANARY)


def rolling(value: int) -> dict[str, Any]:
    size = {"Type": "INSTANCE_COUNT", "Value": value}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": SHORT_S}}


@pytest.mark.parametrize(
    ("deployment", "count", "variants", "why"),
    [
        (
            traffic("CANARY", CanarySize=("INSTANCE_COUNT", 3)),
            4,
            1,
            "CanarySize 3 (INSTANCE_COUNT) must be less than or",
        ),
        (traffic("CANARY", **CANARY), 1, 1, "50% of the total instance count of variant primary, which is 1"),
        (
            traffic("CANARY", CanarySize=("CAPACITY_PERCENT", 51)),
            4,
            1,
            "CanarySize 51 (CAPACITY_PERCENT) must be less",
        ),
        (traffic("CANARY"), 4, 1, "CanarySize is required for the traffic routing type CANARY"),
        (
            traffic("LINEAR", LinearStepSize=("CAPACITY_PERCENT", 9)),
            4,
            1,
            "must be at least 10% of the total instance",
        ),
        (traffic("LINEAR", LinearStepSize=("INSTANCE_COUNT", 3)), 4, 1, "must be less than or equal to 50%"),
        (traffic("ALL_AT_ONCE") | rolling(1), 4, 1, "Only one update policy should be used"),
        (rolling(1), 4, 2, "RollingUpdatePolicy is not supported for endpoints with multiple variants"),
        (rolling(3), 4, 1, "MaximumBatchSize 3 (INSTANCE_COUNT) must be less than or equal to 50%"),
    ],
)
def test_a_deployment_that_does_not_fit_the_fleet_is_refused(
    sagemaker: SageMaker, deployment: dict[str, Any], count: int, variants: int, why: str
) -> None:
    given_an_update_is_ready(sagemaker, count=count, variants=("primary", "alternative")[:variants])
    params = {"EndpointName": "chat", "EndpointConfigName": "chat-2", "DeploymentConfig": deployment}

    assert why in refusal(sagemaker, "UpdateEndpoint", params)
    assert describe(sagemaker)["EndpointStatus"] == "InService"


@pytest.mark.parametrize("number", [0, 11])
def test_the_alarms_of_a_rollback_are_one_to_ten(sagemaker: SageMaker, number: int) -> None:
    given_an_update_is_ready(sagemaker)
    alarms = [{"AlarmName": f"errors-{i}"} for i in range(number)]
    deployment = traffic("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": alarms}}
    params = {"EndpointName": "chat", "EndpointConfigName": "chat-2", "DeploymentConfig": deployment}

    assert "Member must have length" in refusal(sagemaker, "UpdateEndpoint", params)


def test_a_rolling_update_goes_batch_by_batch(sagemaker: SageMaker) -> None:
    given_an_update_is_ready(sagemaker, count=2)

    update(sagemaker, rolling(1))
    eventually(lambda: "partial capacity of 1" in stage(sagemaker)[1])

    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["EndpointConfigName"] == "chat-2"


def test_a_restart_in_the_middle_leaves_the_old_configuration(sagemaker: SageMaker, host: FakeHost) -> None:
    given_an_update_is_ready(sagemaker)
    update(sagemaker, traffic("CANARY", wait_s=LONG_S, **CANARY))
    eventually(lambda: stage(sagemaker)[0] == "Baking")
    state = sagemaker.snapshot()
    sagemaker.close()

    again = SageMaker(host, account=ACCOUNT, region=REGION)
    again.restore(state)

    assert describe(again)["EndpointConfigName"] == "chat-1"
    assert "interrupted" in describe(again)["FailureReason"]
    again.close()
