"""CloudFormation over the embedded SageMaker: what a stack with an endpoint does, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.ministack.running import Running, embedded_aws
from tests.contracts.ministack.stacks import Stack
from tests.contracts.ministack.templates import template


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("aws")
    with embedded_aws(home) as running:
        yield running


@pytest.fixture
def stack(aws: Running, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A deployed stack of the test's own, with an endpoint of its own."""
    stack = Stack(aws, request.node.name.replace("_", "-")[:50])
    assert stack.create(template(endpoint_name=endpoint_of(stack))) == "CREATE_COMPLETE"
    yield stack
    stack.aws.client("cloudformation").delete_stack(StackName=stack.name)


def endpoint_of(stack: Stack) -> str:
    return f"{stack.name}-e"


def body(stack: Stack, **changes: Any) -> str:
    return template(endpoint_name=endpoint_of(stack), **changes)


def describe(stack: Stack) -> dict[str, Any]:
    answer: dict[str, Any] = stack.aws.client("sagemaker").describe_endpoint(EndpointName=endpoint_of(stack))
    return answer


def test_creates_an_endpoint_that_serves(stack: Stack) -> None:
    outputs = stack.outputs()
    endpoint = describe(stack)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == outputs["ConfigName"]
    answer = stack.aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_of(stack), Body=b"{}", ContentType="application/json"
    )
    assert json.loads(answer["Body"].read())["container"].startswith("primary-")


def test_ref_and_get_att_are_those_of_aws(stack: Stack) -> None:
    outputs = stack.outputs()
    assert outputs["EndpointArn"].endswith(f":endpoint/{endpoint_of(stack)}")
    assert outputs["EndpointName"] == endpoint_of(stack)
    assert outputs["ModelName"].startswith(f"{stack.name}-Model-"[:40])
    assert outputs["ModelArn"].endswith(f":model/{outputs['ModelName'].lower()}")
    resource = f"endpoint/{endpoint_of(stack)}/variant/primary"
    assert outputs["TargetId"] == f"{resource}|sagemaker:variant:DesiredInstanceCount|sagemaker"
    assert outputs["PolicyArn"].endswith(":policyName/in-flight")


def test_an_update_moves_the_endpoint_and_leaves_one_model_and_one_configuration(stack: Stack) -> None:
    before = stack.outputs()
    status = stack.update(body(stack, environment={"MAX_INPUT_TOKENS": "2048"}, max_capacity="3"))
    after = stack.outputs()
    assert status == "UPDATE_COMPLETE"
    assert after["ModelName"] != before["ModelName"]
    assert describe(stack)["EndpointConfigName"] == after["ConfigName"] != before["ConfigName"]
    assert not exists(stack, "model", before["ModelName"])
    assert not exists(stack, "endpoint_config", before["ConfigName"])
    assert capacity(stack) == 3


def test_a_failing_update_rolls_back_to_what_served_and_says_why(stack: Stack) -> None:
    before = stack.outputs()
    status = stack.update(body(stack, environment={"FAIL": "not enough memory"}))
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "not enough memory" in stack.reasons("Endpoint")[0]
    assert describe(stack)["EndpointConfigName"] == before["ConfigName"]
    assert stack.outputs() == before
    # and the stack can be updated again
    assert stack.update(body(stack, environment={"MAX_INPUT_TOKENS": "1024"})) == "UPDATE_COMPLETE"


def test_an_endpoint_goes_back_when_a_later_resource_fails(stack: Stack) -> None:
    before = stack.outputs()
    status = stack.update(
        body(stack, environment={"MAX_INPUT_TOKENS": "512"}, max_capacity="4", policy_type="NoSuchPolicy")
    )
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert describe(stack)["EndpointConfigName"] == before["ConfigName"]
    assert capacity(stack) == 2


def test_a_failing_create_leaves_nothing_behind(aws: Running) -> None:
    stack = Stack(aws, "fails-at-once")
    status = stack.create(body(stack, environment={"FAIL": "no such model"}))
    assert status == "ROLLBACK_COMPLETE"
    assert "no such model" in stack.reasons("Endpoint")[0]
    with pytest.raises(ClientError, match="Could not find"):
        describe(stack)


def test_an_unknown_property_fails_with_its_name(aws: Running) -> None:
    stack = Stack(aws, "unknown-property")
    wrong = body(stack).replace('"EnableNetworkIsolation"', '"EnableNetworkIsolaton"')
    assert stack.create(wrong) == "ROLLBACK_COMPLETE"
    assert "EnableNetworkIsolaton" in stack.reasons("Model")[0]


def test_tags_change_in_place(stack: Stack) -> None:
    before = describe(stack)
    assert stack.update(body(stack, tags={"team": "platform"})) == "UPDATE_COMPLETE"
    tags = stack.aws.client("sagemaker").list_tags(ResourceArn=before["EndpointArn"])["Tags"]
    assert {"Key": "team", "Value": "platform"} in tags
    assert describe(stack)["CreationTime"] == before["CreationTime"]


def test_deleting_the_stack_deletes_everything(stack: Stack) -> None:
    before = stack.outputs()
    stack.delete()
    with pytest.raises(ClientError, match="Could not find"):
        describe(stack)
    assert not exists(stack, "model", before["ModelName"])
    assert not exists(stack, "endpoint_config", before["ConfigName"])
    targets = stack.aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{endpoint_of(stack)}/variant/primary"]
    )
    assert targets["ScalableTargets"] == []


def exists(stack: Stack, kind: str, name: str) -> bool:
    sagemaker = stack.aws.client("sagemaker")
    key = {"model": "ModelName", "endpoint_config": "EndpointConfigName"}[kind]
    try:
        getattr(sagemaker, f"describe_{kind}")(**{key: name})
    except ClientError:
        return False
    return True


def capacity(stack: Stack) -> int:
    targets = stack.aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{endpoint_of(stack)}/variant/primary"]
    )["ScalableTargets"]
    maximum: int = targets[0]["MaxCapacity"]
    return maximum
