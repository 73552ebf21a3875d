"""Creating, describing, listing and deleting endpoints: statuses, refusals and what the containers see."""

from __future__ import annotations

import pytest

from endpoints.local.sagemaker import SageMaker, ServiceError
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import (
    ARN,
    client_error,
    describe,
    described_variant,
    make_config,
    make_endpoint,
    make_model,
    refusal,
    settled,
    variant,
)
from tests.support.containers import FakeHost
from tests.support.waiting import eventually


def test_an_endpoint_is_creating_until_its_containers_are_healthy(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    # given a model with weights in S3, and containers that take their time
    make_model(sagemaker, "llama", Environment={"A": "1"}, ModelDataUrl="s3://weights/llama/")
    make_config(sagemaker, "chat-1", variant(count=2, ContainerStartupHealthCheckTimeoutInSeconds=900))
    host.hold.clear()
    # when the endpoint is created
    created = clients.sagemaker.create_endpoint(EndpointName="Chat", EndpointConfigName="chat-1")
    # then it says so, and is not to be invoked, updated or deleted meanwhile
    endpoint = clients.sagemaker.describe_endpoint(EndpointName="chat")
    assert (endpoint["EndpointName"], endpoint["EndpointStatus"]) == ("Chat", "Creating")
    assert created["EndpointArn"] == endpoint["EndpointArn"] == f"{ARN}:endpoint/chat"
    busy = ("ValidationException", f'Cannot update in-progress endpoint "{ARN}:endpoint/chat".')
    assert client_error(clients.sagemaker.delete_endpoint, EndpointName="Chat") == busy
    update = clients.sagemaker.update_endpoint
    assert client_error(update, EndpointName="Chat", EndpointConfigName="chat-1") == busy
    assert (
        client_error(clients.runtime.invoke_endpoint, EndpointName="Chat", Body=b"")[0] == "ValidationError"
    )
    # when they are up
    host.hold.set()
    clients.sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="Chat", WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    # then every instance runs what the model says, for as long as the configuration allows
    assert described_variant(sagemaker)["CurrentInstanceCount"] == 2
    assert {s.model_data_url for s in host.specs("primary")} == {"s3://weights/llama/"}
    assert [(s.image, dict(s.environment)) for s in host.started] == [("tgi:1", {"A": "1"})] * 2
    assert host.timeouts_s == [900, 900]


def test_an_endpoint_whose_container_does_not_come_up_fails_with_the_reason(
    sagemaker: SageMaker, host: FakeHost
) -> None:
    # given two variants, one of which cannot start
    make_model(sagemaker, "llama")
    make_model(sagemaker, "broken", image="broken:1")
    host.refuse = {"broken:1"}
    make_config(sagemaker, "chat-1", variant("primary", model="broken"), variant("alternative"))
    # when
    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})
    # then
    assert settled(sagemaker) == "Failed"
    assert describe(sagemaker)["FailureReason"].startswith(
        "The primary container for production variant primary did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    assert not host.running, "what had started beside it must not stay"


def test_a_container_host_that_breaks_ends_in_failed_and_not_in_creating_for_ever(
    sagemaker: SageMaker, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(host, "start", broken)
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", variant())

    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})

    assert settled(sagemaker) == "Failed"
    assert "no memory" in describe(sagemaker)["FailureReason"]


def test_a_failed_endpoint_can_only_be_deleted(sagemaker: SageMaker, host: FakeHost) -> None:
    host.refuse = {"tgi:1"}
    make_model(sagemaker, "llama")
    make_config(sagemaker, "chat-1", variant())
    sagemaker.call("CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})
    assert settled(sagemaker) == "Failed"

    update = {"EndpointName": "chat", "EndpointConfigName": "chat-1"}
    assert "in status Failed" in refusal(sagemaker, "UpdateEndpoint", update)

    sagemaker.call("DeleteEndpoint", {"EndpointName": "chat"})
    assert settled(sagemaker) is None


def test_an_endpoint_that_exists_is_not_created_again(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker)

    message = refusal(sagemaker, "CreateEndpoint", {"EndpointName": "chat", "EndpointConfigName": "chat-1"})

    assert message == f'Cannot create already existing endpoint "{ARN}:endpoint/chat".'


def test_what_is_not_there_could_not_be_found(sagemaker: SageMaker) -> None:
    missing_config = {"EndpointName": "chat", "EndpointConfigName": "gone"}

    assert refusal(sagemaker, "CreateEndpoint", missing_config) == (
        f'Could not find endpoint configuration "{ARN}:endpoint-config/gone".'
    )
    for operation in ("DescribeEndpoint", "DeleteEndpoint"):
        assert refusal(sagemaker, operation, {"EndpointName": "gone"}) == (
            f'Could not find endpoint "{ARN}:endpoint/gone".'
        )


def test_a_deleted_endpoint_stops_its_containers_and_is_gone(sagemaker: SageMaker, host: FakeHost) -> None:
    make_endpoint(sagemaker, variant(count=2))

    sagemaker.call("DeleteEndpoint", {"EndpointName": "chat"})

    assert settled(sagemaker) is None
    assert not host.running
    assert sagemaker.call("ListEndpoints", {})["Endpoints"] == []


def test_endpoints_are_listed_by_status(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker)
    make_endpoint(sagemaker, name="search")

    in_service = clients.sagemaker.list_endpoints(
        StatusEquals="InService", SortBy="Name", SortOrder="Ascending"
    )

    assert [e["EndpointName"] for e in in_service["Endpoints"]] == ["chat", "search"]
    assert clients.sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []


def test_a_configuration_and_a_model_in_use_can_be_deleted_and_the_endpoint_goes_on(
    sagemaker: SageMaker, clients: Clients
) -> None:
    make_endpoint(sagemaker)

    clients.sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")
    clients.sagemaker.delete_model(ModelName="llama")

    assert describe(sagemaker)["EndpointConfigName"] == "chat-1"
    assert clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read() == b"primary-1"


def test_more_instances_than_the_quota_are_refused(host: FakeHost) -> None:
    sagemaker = SageMaker(host, account="000000000000", region="us-east-1", instance_quota=2)
    make_endpoint(sagemaker)

    make_config(sagemaker, "large", variant(count=2))
    with pytest.raises(
        ServiceError,
        match=r"LimitExceeded.*is 2 Instances, with current utilization of 1 .* request delta of 2",
    ):
        sagemaker.call("CreateEndpoint", {"EndpointName": "large", "EndpointConfigName": "large"})
    grow = {"VariantName": "primary", "DesiredInstanceCount": 3}
    with pytest.raises(ServiceError, match="ResourceLimitExceeded"):
        sagemaker.call(
            "UpdateEndpointWeightsAndCapacities",
            {"EndpointName": "chat", "DesiredWeightsAndCapacities": [grow]},
        )
    sagemaker.close()


def test_every_change_of_state_is_announced(sagemaker: SageMaker) -> None:
    changes: list[int] = []
    sagemaker.on_change = lambda: changes.append(1)

    make_endpoint(sagemaker)

    eventually(lambda: len(changes) == 4)  # model, configuration, endpoint creating, endpoint in service
