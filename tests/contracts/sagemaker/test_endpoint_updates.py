"""UpdateEndpoint and UpdateEndpointWeightsAndCapacities: blue/green, failure, retained properties, counts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import (
    ARN,
    describe,
    described_variant,
    make_config,
    make_endpoint,
    make_model,
    refusal,
    settled,
    variant,
)
from tests.support.containers import Call, FakeHost
from tests.support.waiting import eventually

BLUE_GREEN = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}


def update(sagemaker: SageMaker, config: str, **more: Any) -> None:
    sagemaker.call("UpdateEndpoint", {"EndpointName": "chat", "EndpointConfigName": config} | more)


def scale(sagemaker: SageMaker, **desired: Any) -> None:
    wanted = [{"VariantName": "primary"} | desired]
    params = {"EndpointName": "chat", "DesiredWeightsAndCapacities": wanted}
    sagemaker.call("UpdateEndpointWeightsAndCapacities", params)


def test_an_update_goes_to_the_new_configuration(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    make_model(sagemaker, "llama-2", image="tgi:2")
    make_config(sagemaker, "chat-2", variant(model="llama-2"))
    sagemaker.cloudwatch.put_alarm({"AlarmName": "errors"})
    host.hold.clear()

    update(sagemaker, "chat-2", DeploymentConfig=BLUE_GREEN)

    # while it runs, the old configuration serves and the new one is pending
    during = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "chat-1")
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "chat-2"
    host.hold.set()
    assert settled(sagemaker) == "InService"
    # afterwards the new one serves alone
    after = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert (after["EndpointConfigName"], after["LastDeploymentConfig"]) == ("chat-2", BLUE_GREEN)
    assert "PendingDeploymentSummary" not in after
    eventually(lambda: [spec.image for spec in host.running.values()] == ["tgi:2"])


def test_no_request_fails_while_an_endpoint_is_updated(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    # given requests that come all the time, some of them slow
    make_endpoint(sagemaker)
    host.behaviour = slow_answer
    answers: list[bytes] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read())

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    # when the endpoint is updated several times
    for _ in range(3):
        some_more(answers)
        update(sagemaker, "chat-1")
        assert settled(sagemaker) == "InService"
    some_more(answers)
    done.set()
    for asker in askers:
        asker.join(5)
    # then old and new containers have answered everything
    assert {b"primary-1", b"primary-4"} <= set(answers)
    eventually(lambda: list(host.running) == ["primary-4"])


def some_more(answers: list[bytes]) -> None:
    seen = len(answers)
    eventually(lambda: len(answers) > seen + 8)


def slow_answer(call: Call) -> None:
    threading.Event().wait(0.02)
    call.answer(call.container_id.encode())


def test_a_failed_update_returns_to_the_old_configuration_and_says_why(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    make_model(sagemaker, "broken", image="broken:1")
    make_config(sagemaker, "chat-2", variant(model="broken"))
    host.refuse = {"broken:1"}

    update(sagemaker, "chat-2")

    assert settled(sagemaker) == "InService"
    endpoint = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert endpoint["EndpointConfigName"] == "chat-1"
    assert "production variant primary did not pass the ping health check" in endpoint["FailureReason"]
    assert clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read() == b"primary-1"
    # and the next update, which succeeds, clears the reason
    update(sagemaker, "chat-1")
    assert settled(sagemaker) == "InService"
    assert "FailureReason" not in describe(sagemaker)


def test_an_update_to_a_configuration_that_is_not_there_is_refused(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker)

    message = refusal(sagemaker, "UpdateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "gone"})

    assert message == f'Could not find endpoint configuration "{ARN}:endpoint-config/gone".'
    assert describe(sagemaker)["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("options", "count", "weight"),
    [
        ({}, 1, 1.0),
        ({"RetainAllVariantProperties": True}, 2, 0.25),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            1,
            0.25,
        ),
    ],
)
def test_an_update_keeps_what_was_changed_since_only_when_asked(
    sagemaker: SageMaker, options: dict[str, Any], count: int, weight: float
) -> None:
    # given an endpoint that was scaled and weighted by hand
    make_endpoint(sagemaker)
    scale(sagemaker, DesiredInstanceCount=2, DesiredWeight=0.25)
    assert settled(sagemaker) == "InService"
    # when
    update(sagemaker, "chat-1", **options)
    assert settled(sagemaker) == "InService"
    # then
    deployed = described_variant(sagemaker)
    assert (deployed["CurrentInstanceCount"], deployed["CurrentWeight"]) == (count, weight)


def test_counts_grow_and_shrink_without_an_update_of_the_configuration(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    host.hold.clear()

    scale(sagemaker, DesiredInstanceCount=3)
    assert describe(sagemaker)["EndpointStatus"] == "Updating"
    host.hold.set()
    assert settled(sagemaker) == "InService"
    assert described_variant(sagemaker)["CurrentInstanceCount"] == 3

    scale(sagemaker, DesiredInstanceCount=1)
    assert settled(sagemaker) == "InService"
    assert described_variant(sagemaker)["CurrentInstanceCount"] == 1
    eventually(lambda: list(host.running) == ["primary-1"])


def test_growth_that_fails_leaves_the_endpoint_as_it_was(sagemaker: SageMaker, host: FakeHost) -> None:
    make_endpoint(sagemaker)
    host.refuse = {"tgi:1"}

    scale(sagemaker, DesiredInstanceCount=2, DesiredWeight=5.0)

    assert settled(sagemaker) == "InService"
    after = described_variant(sagemaker)
    assert (after["DesiredInstanceCount"], after["DesiredWeight"], after["CurrentInstanceCount"]) == (
        1,
        1.0,
        1,
    )
    assert "FailureReason" in describe(sagemaker)


@pytest.mark.parametrize(
    ("desired", "why"),
    [
        (
            {"VariantName": "gone"},
            'The variant name(s) "gone" is/are not present within endpoint configuration',
        ),
        ({"VariantName": "primary", "DesiredInstanceCount": 0}, "cannot scale to zero"),
        ({"VariantName": "primary", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}, "is not serverless"),
    ],
)
def test_impossible_capacities_are_refused(sagemaker: SageMaker, desired: dict[str, Any], why: str) -> None:
    make_endpoint(sagemaker)
    params = {"EndpointName": "chat", "DesiredWeightsAndCapacities": [desired]}

    assert why in refusal(sagemaker, "UpdateEndpointWeightsAndCapacities", params)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (variant("primary", InstanceType="ml.g5.2xlarge"), 'change the instance type of variant "primary"'),
        (variant("other"), 'remove variant "primary"'),
    ],
)
def test_a_variant_with_a_scalable_target_keeps_its_instance_type_and_its_place(
    sagemaker: SageMaker, autoscaling: ApplicationAutoScaling, changed: dict[str, Any], why: str
) -> None:
    # given a registered variant
    make_endpoint(sagemaker)
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/chat/variant/primary",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    autoscaling.call("RegisterScalableTarget", target | {"MinCapacity": 1, "MaxCapacity": 2})
    make_config(sagemaker, "chat-2", changed)
    # when, then
    params = {"EndpointName": "chat", "EndpointConfigName": "chat-2"}
    assert why in refusal(sagemaker, "UpdateEndpoint", params)
    # but once it is deregistered, the update goes through
    autoscaling.call("DeregisterScalableTarget", target)
    update(sagemaker, "chat-2")
    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["EndpointConfigName"] == "chat-2"


def test_a_new_model_is_fine_for_a_variant_with_a_scalable_target(
    sagemaker: SageMaker, autoscaling: ApplicationAutoScaling
) -> None:
    make_endpoint(sagemaker)
    autoscaling.call(
        "RegisterScalableTarget",
        {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/chat/variant/primary",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        },
    )
    make_model(sagemaker, "llama-2", image="tgi:2")
    make_config(sagemaker, "chat-2", variant(model="llama-2"))

    update(sagemaker, "chat-2")

    assert settled(sagemaker) == "InService"
    assert describe(sagemaker)["EndpointConfigName"] == "chat-2"


def test_data_capture_is_shown_as_configured_and_stopped(sagemaker: SageMaker, clients: Clients) -> None:
    capture = {
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": "s3://b/",
        "CaptureOptions": [{"CaptureMode": "Input"}],
        "EnableCapture": True,
    }
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", variant(), DataCaptureConfig=capture)
    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})
    assert settled(sagemaker) == "InService"

    shown = clients.sagemaker.describe_endpoint(EndpointName="chat")["DataCaptureConfig"]

    assert (shown["EnableCapture"], shown["CaptureStatus"]) == (True, "Stopped")
