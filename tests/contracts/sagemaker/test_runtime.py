"""InvokeEndpoint: what reaches the container, what comes back, which variant answers, and every error."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.runtime import RuntimeTimeouts
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import client_error, described_variant, make_endpoint, settled, variant
from tests.support.containers import Call, FakeHost

MAX_BODY_BYTES = 6_291_456


def test_a_request_and_its_answer_pass_unchanged(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    seen: list[Call] = []

    def behaviour(call: Call) -> None:
        seen.append(call)
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "took=3"}
        call.answer(b'{"generated_text": "hi"}', headers=headers)

    host.behaviour = behaviour

    answer = clients.runtime.invoke_endpoint(
        EndpointName="chat",
        Body=b'{"inputs": "hello"}',
        ContentType="application/json",
        Accept="application/json",
        CustomAttributes="trace=1",
        InferenceId="id-1",
    )

    assert answer["Body"].read() == b'{"generated_text": "hi"}'
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("application/json", "took=3")
    assert answer["InvokedProductionVariant"] == "primary"
    assert seen[0].body == b'{"inputs": "hello"}'
    passed = {name.lower(): value for name, value in seen[0].headers.items()}
    assert passed["content-type"] == passed["accept"] == "application/json"
    assert passed["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert passed["x-amzn-sagemaker-inference-id"] == "id-1"
    assert "authorization" not in passed


def test_a_target_variant_answers_whatever_its_weight(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker, variant(), variant("alternative", InitialVariantWeight=0.0))

    answer = clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"", TargetVariant="alternative")

    assert answer["InvokedProductionVariant"] == "alternative"
    assert answer["Body"].read().startswith(b"alternative-")


def test_without_a_target_the_weights_decide(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(
        sagemaker, variant(InitialVariantWeight=3.0), variant("alternative", InitialVariantWeight=0.0)
    )
    answered = Counter(
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["InvokedProductionVariant"]
        for _ in range(20)
    )
    assert answered == {"primary": 20}

    # and a change of weights moves the traffic
    weights = [
        {"VariantName": "primary", "DesiredWeight": 0.0},
        {"VariantName": "alternative", "DesiredWeight": 1.0},
    ]
    clients.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="chat", DesiredWeightsAndCapacities=weights
    )
    sagemaker.wait_until_settled("chat", timeout_s=5)
    answer = clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")
    assert answer["InvokedProductionVariant"] == "alternative"
    assert described_variant(sagemaker, "alternative")["CurrentWeight"] == 1.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"EndpointName": "gone"}, "Endpoint gone of account 000000000000 not found."),
        ({"TargetVariant": "gone"}, "Variant gone not found for endpoint chat."),
        (
            {"TargetVariant": "-"},
            "1 validation error detected: Value '-' at 'targetVariant' failed to satisfy",
        ),
        ({"TargetModel": "m.tar.gz"}, "does not have TargetModel"),
        (
            {"Body": b"x" * (MAX_BODY_BYTES + 1)},
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length "
            f"less than or equal to {MAX_BODY_BYTES}",
        ),
    ],
)
def test_an_impossible_request_is_a_validation_error(
    sagemaker: SageMaker, clients: Clients, params: dict[str, Any], message: str
) -> None:
    make_endpoint(sagemaker)

    with pytest.raises(clients.runtime.exceptions.ValidationError) as refused:
        clients.runtime.invoke_endpoint(**({"EndpointName": "chat", "Body": b""} | params))

    assert message in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_largest_body_passes(sagemaker: SageMaker, host: FakeHost, clients: Clients) -> None:
    make_endpoint(sagemaker)
    host.behaviour = lambda call: call.answer(str(len(call.body)).encode())

    answer = clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"x" * MAX_BODY_BYTES)

    assert int(answer["Body"].read()) == MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("status", "side"), [(422, "client"), (429, "client"), (500, "server"), (424, "client")]
)
def test_an_error_of_the_container_is_a_model_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients, status: int, side: str
) -> None:
    make_endpoint(sagemaker)
    body = b'{"error": "too long", "error_type": "validation"}'
    host.behaviour = lambda call: call.answer(body, status)

    with pytest.raises(clients.runtime.exceptions.ModelError) as failed:
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}")

    answer = failed.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (status, body.decode())
    assert (
        answer["LogStreamArn"]
        == "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/chat"
    )
    assert answer["Error"]["Message"] == (
        f'Received {side} error ({status}) from primary with message "{body.decode()}". See '
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#logEventViewer:group=/aws/sagemaker/Endpoints/chat in account 000000000000 for more information."
    )


@pytest.mark.parametrize("timeouts", [RuntimeTimeouts(answer_s=0.2)])
def test_a_container_that_does_not_answer_in_time_is_a_model_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    seen_the_error = threading.Event()

    def behaviour(_: Call) -> None:
        seen_the_error.wait(30)

    host.behaviour = behaviour

    with pytest.raises(clients.runtime.exceptions.ModelError) as failed:
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}")

    seen_the_error.set()
    assert failed.value.response["OriginalStatusCode"] == 0
    assert "Your invocation timed out while waiting for a response from container primary" in str(
        failed.value
    )


def test_a_container_that_is_gone_is_a_model_error_and_the_endpoint_reports_it_at_once(
    host: FakeHost, sagemaker: SageMaker, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    host.running.clear()  # killed: its connections are reset

    with pytest.raises(clients.runtime.exceptions.ModelError) as failed:
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}")

    assert "was refused or closed before it answered" in failed.value.response["OriginalMessage"]
    assert described_variant(sagemaker)["CurrentInstanceCount"] == 0


def test_a_container_that_dies_half_way_is_a_model_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)

    def behaviour(call: Call) -> None:
        call.begin(headers={"Content-Length": "100"})
        call.hang_up()

    host.behaviour = behaviour

    assert client_error(clients.runtime.invoke_endpoint, EndpointName="chat", Body=b"{}")[0] == "ModelError"


def test_requests_are_spread_over_the_instances_of_a_variant(sagemaker: SageMaker, clients: Clients) -> None:
    make_endpoint(sagemaker, variant(count=2))

    answers = {
        clients.runtime.invoke_endpoint(EndpointName="chat", Body=b"")["Body"].read().decode()
        for _ in range(40)
    }

    assert len(answers) == 2


def test_errors_have_the_wire_form_of_rest_json(clients: Clients) -> None:
    answer = httpx.post(f"{clients.url}/endpoints/gone/invocations", content=b"{}")

    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["Message"] == "Endpoint gone of account 000000000000 not found."


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("SageMaker.DescribeEndpoint", b"{", "SerializationException"),
        ("SageMaker.DescribeEndpoint", b"[]", "SerializationException"),
        ("SageMaker.ListModels", b'{"CreationTimeAfter": 1e300}', "SerializationException"),
        ("SageMaker.NoSuchOperation", b"{}", "UnknownOperationException"),
        ("Lambda.Invoke", b"{}", "UnknownOperationException"),
        ("AnyScaleFrontendService.GetPredictiveScalingForecast", b"{}", "UnknownOperationException"),
    ],
)
def test_errors_have_the_wire_form_of_json_1_1(clients: Clients, target: str, body: bytes, code: str) -> None:
    answer = httpx.post(clients.url, content=body, headers={"X-Amz-Target": target})

    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == code
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(answer.content)["__type"] == code


def test_a_fault_of_ours_is_an_internal_failure(sagemaker: SageMaker, clients: Clients) -> None:
    class BrokenTargets:
        def has_target(self, resource_id: str) -> bool:
            raise RuntimeError(f"cannot look up {resource_id}")

        def forget_targets(self, resource_ids: list[str]) -> None:
            raise RuntimeError(f"cannot forget {resource_ids}")

    make_endpoint(sagemaker)
    sagemaker.attach_scalable_targets(BrokenTargets())

    with pytest.raises(ClientError) as failed:
        clients.sagemaker.delete_endpoint(EndpointName="chat")

    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    # and the endpoint does not stay in Deleting, where nothing could be done with it
    assert settled(sagemaker) is None
