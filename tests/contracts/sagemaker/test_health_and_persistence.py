"""Containers that fail while an endpoint is in service, and endpoints that come back after a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import ACCOUNT, REGION, Clients
from tests.contracts.sagemaker.world import (
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


def test_an_unhealthy_instance_shows_and_gets_no_requests(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    # given two instances, when one fails its health check
    make_endpoint(sagemaker, variant(count=2))
    host.unhealthy.add("primary-1")
    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 1)
    # then the endpoint is in service, says what is the matter, and answers with the other instance
    endpoint = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert endpoint["EndpointStatus"] == "InService"
    (status,) = endpoint["ProductionVariants"][0]["VariantStatus"]
    assert status["Status"] == "Creating"
    assert status["StatusMessage"].startswith("1 of 2 instances do not pass the ping health check")
    answers = {
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read() for _ in range(10)
    }
    assert answers == {b"primary-2"}
    # and when it passes again, nothing is left of it
    host.unhealthy.clear()
    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 2)
    assert "VariantStatus" not in described_variant(sagemaker)


def test_a_health_check_that_breaks_counts_as_unhealthy(
    sagemaker: SageMaker, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_endpoint(sagemaker)

    def broken(_: str) -> bool:
        raise RuntimeError("no such process")

    monkeypatch.setattr(host, "is_healthy", broken)

    eventually(lambda: described_variant(sagemaker)["CurrentInstanceCount"] == 0)


def restarted(before: SageMaker, host: FakeHost) -> SageMaker:
    """A new process: the state comes from JSON, the containers are gone."""
    state: dict[str, Any] = json.loads(json.dumps(before.snapshot()))
    before.close()
    host.running.clear()
    after = SageMaker(host, account=ACCOUNT, region=REGION, health_interval_s=0.05)
    after.restore(state)
    return after


def test_everything_comes_back_after_a_restart(sagemaker: SageMaker, host: FakeHost) -> None:
    make_endpoint(sagemaker, variant(count=2))
    arn = describe(sagemaker)["EndpointArn"]
    sagemaker.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "hiring"}]})
    before = describe(sagemaker)

    after = restarted(sagemaker, host)

    assert describe(after)["EndpointStatus"] == "InService"
    eventually(lambda: described_variant(after)["CurrentInstanceCount"] == 2)
    assert describe(after) == before
    assert after.call("ListTags", {"ResourceArn": arn})["Tags"] == [{"Key": "team", "Value": "hiring"}]
    assert len(host.running) == 2
    after.close()


def test_an_endpoint_that_was_being_created_is_created_after_a_restart(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", variant())
    host.hold.clear()
    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})

    after = restarted(sagemaker, host)

    assert describe(after)["EndpointStatus"] == "Creating"
    host.hold.set()
    assert settled(after) == "InService"
    after.close()


def test_an_update_that_a_restart_interrupts_stays_on_the_old_configuration(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    make_config(sagemaker, "chat-2", variant(count=2))
    host.hold.clear()
    sagemaker.call("UpdateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-2"})

    after = restarted(sagemaker, host)
    host.hold.set()

    endpoint = describe(after)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "chat-1")
    assert "interrupted" in endpoint["FailureReason"]
    eventually(lambda: described_variant(after)["CurrentInstanceCount"] == 1)
    after.close()


def test_while_no_instance_is_back_yet_the_service_is_unavailable(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    make_endpoint(sagemaker)
    host.hold.clear()

    after = restarted(sagemaker, host)

    with pytest.raises(Exception, match="ServiceUnavailable"), after.router.lease("chat", None):
        pass
    host.hold.set()
    after.close()


def test_instances_that_do_not_come_back_are_tried_again_until_the_endpoint_moves_on(
    sagemaker: SageMaker, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endpoints.local.sagemaker.deployment.RESUME_RETRY_S", 0.02)
    make_endpoint(sagemaker)
    host.refuse = {"tgi:1"}

    after = restarted(sagemaker, host)

    eventually(lambda: len(host.started) > 3)
    host.refuse = set()
    eventually(lambda: described_variant(after)["CurrentInstanceCount"] == 1)
    after.close()


def test_scalable_targets_come_back_after_a_restart(sagemaker: SageMaker) -> None:
    autoscaling = ApplicationAutoScaling(sagemaker)
    make_endpoint(sagemaker)
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/chat/variant/primary",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    autoscaling.call("RegisterScalableTarget", target | {"MinCapacity": 1, "MaxCapacity": 2})
    state = json.loads(json.dumps(autoscaling.snapshot()))
    before = autoscaling.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})

    again = ApplicationAutoScaling(sagemaker)
    again.restore(state)

    assert again.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"}) == before
    for service in (autoscaling, again):
        service.close()
