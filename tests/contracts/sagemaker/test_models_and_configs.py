"""Models, endpoint configurations and tags, through a real boto3 client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from endpoints.local.sagemaker import SageMaker
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import ARN, client_error, make_config, make_model, refusal, variant

CONTAINER = {
    "Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/tgi:3.3.6",
    "Environment": {"HF_MODEL_ID": "/opt/ml/model"},
    "ModelDataSource": {
        "S3DataSource": {"S3Uri": "s3://weights/llama/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    },
}


def test_a_model_is_described_as_it_was_created(clients: Clients) -> None:
    before = datetime.now(UTC)
    created = clients.sagemaker.create_model(
        ModelName="Llama-8B", PrimaryContainer=CONTAINER, EnableNetworkIsolation=True
    )

    model = clients.sagemaker.describe_model(ModelName="Llama-8B")

    assert created["ModelArn"] == model["ModelArn"] == f"{ARN}:model/llama-8b"
    assert model["PrimaryContainer"] == CONTAINER
    assert model["EnableNetworkIsolation"] is True
    assert before <= model["CreationTime"] <= datetime.now(UTC)


def test_a_model_that_exists_is_not_created_again_whatever_the_case_of_its_name(clients: Clients) -> None:
    clients.sagemaker.create_model(ModelName="llama", PrimaryContainer=CONTAINER)

    code, message = client_error(
        clients.sagemaker.create_model, ModelName="LLAMA", PrimaryContainer=CONTAINER
    )

    assert code == "ValidationException"
    assert message == f'Cannot create already existing model "{ARN}:model/llama".'


@pytest.mark.parametrize("operation", ["describe_model", "delete_model"])
def test_a_model_that_is_not_there_could_not_be_found(clients: Clients, operation: str) -> None:
    error = client_error(getattr(clients.sagemaker, operation), ModelName="gone")

    assert error == ("ValidationException", f'Could not find model "{ARN}:model/gone".')


def test_a_deleted_model_is_gone(clients: Clients) -> None:
    clients.sagemaker.create_model(ModelName="llama", PrimaryContainer=CONTAINER)

    clients.sagemaker.delete_model(ModelName="llama")

    assert clients.sagemaker.list_models()["Models"] == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({}, "exactly one of PrimaryContainer and Containers"),
        ({"PrimaryContainer": CONTAINER, "Containers": [CONTAINER]}, "exactly one of PrimaryContainer"),
        ({"Containers": [CONTAINER, CONTAINER]}, "does not run inference pipelines"),
        ({"PrimaryContainer": {"ModelPackageName": "package"}}, "needs an Image"),
    ],
)
def test_a_model_that_cannot_run_is_refused(sagemaker: SageMaker, model: dict[str, Any], why: str) -> None:
    assert why in refusal(sagemaker, "CreateModel", {"ModelName": "llama"} | model)


def test_a_configuration_is_described_as_it_was_created(sagemaker: SageMaker, clients: Clients) -> None:
    make_model(sagemaker, "llama")
    variants = [
        variant(InferenceAmiVersion="al2-ami-sagemaker-inference-gpu-3-1", InitialVariantWeight=1.0),
        variant("alternative", InitialVariantWeight=0.0, ContainerStartupHealthCheckTimeoutInSeconds=900),
    ]

    clients.sagemaker.create_endpoint_config(EndpointConfigName="chat-1", ProductionVariants=variants)

    config = clients.sagemaker.describe_endpoint_config(EndpointConfigName="chat-1")
    assert config["EndpointConfigArn"] == f"{ARN}:endpoint-config/chat-1"
    assert config["ProductionVariants"] == variants


def test_a_configuration_needs_models_that_exist(sagemaker: SageMaker) -> None:
    params = {"EndpointConfigName": "chat-1", "ProductionVariants": [variant(model="gone")]}

    assert refusal(sagemaker, "CreateEndpointConfig", params) == f'Could not find model "{ARN}:model/gone".'


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"KmsKeyId": "alias/adept"}, "KmsKeyId is not supported for instance type ml.g5.xlarge"),
        ({"ProductionVariants": [variant(), variant()]}, "must be unique"),
        ({"ProductionVariants": [{"VariantName": "primary", "ModelName": "llama"}]}, "InitialInstanceCount"),
        ({"ProductionVariants": [{"VariantName": "primary"}]}, "needs a ModelName"),
        (
            {"ProductionVariants": [variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})]},
            "no serverless variants",
        ),
        ({"ShadowProductionVariants": [variant("shadow")]}, "does not have shadow variants"),
    ],
)
def test_a_configuration_that_cannot_be_deployed_is_refused(
    sagemaker: SageMaker, config: dict[str, Any], why: str
) -> None:
    make_model(sagemaker, "llama")
    params = {"EndpointConfigName": "chat-1", "ProductionVariants": [variant()]} | config

    assert why in refusal(sagemaker, "CreateEndpointConfig", params)


def test_a_kms_key_is_fine_where_the_storage_is_not_nvme(sagemaker: SageMaker) -> None:
    make_model(sagemaker, "llama")

    make_config(sagemaker, "chat-1", variant(InstanceType="ml.m5.xlarge"), KmsKeyId="alias/adept")

    assert (
        sagemaker.call("DescribeEndpointConfig", {"EndpointConfigName": "chat-1"})["KmsKeyId"]
        == "alias/adept"
    )


def test_lists_come_in_pages_newest_first_and_can_be_filtered(sagemaker: SageMaker, clients: Clients) -> None:
    for name in ("llama-1", "llama-2", "mistral-1", "llama-3"):
        make_model(sagemaker, name)

    pages = clients.sagemaker.get_paginator("list_models").paginate(
        NameContains="LLAMA", SortBy="Name", PaginationConfig={"PageSize": 2}
    )

    assert [[m["ModelName"] for m in page["Models"]] for page in pages] == [
        ["llama-3", "llama-2"],
        ["llama-1"],
    ]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert clients.sagemaker.list_models(CreationTimeAfter=tomorrow)["Models"] == []
    assert (
        len(clients.sagemaker.list_models(CreationTimeBefore=tomorrow, SortOrder="Ascending")["Models"]) == 4
    )


def test_tags_belong_to_a_resource_and_go_with_it(clients: Clients) -> None:
    tag = {"Key": "team", "Value": "hiring"}
    arn = clients.sagemaker.create_model(ModelName="llama", PrimaryContainer=CONTAINER, Tags=[tag])[
        "ModelArn"
    ]

    clients.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "1"}])
    clients.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])

    assert clients.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "1"}]
    assert "Tags" not in clients.sagemaker.describe_model(ModelName="llama")
    clients.sagemaker.delete_model(ModelName="llama")
    assert client_error(clients.sagemaker.list_tags, ResourceArn=arn)[0] == "ValidationException"
