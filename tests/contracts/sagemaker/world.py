"""Short words for what most tests start from: a model, a configuration, an endpoint in service."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from endpoints.local.sagemaker import SageMaker, ServiceError

ARN = "arn:aws:sagemaker:us-east-1:000000000000"


def make_model(sagemaker: SageMaker, name: str, *, image: str = "tgi:1", **container: Any) -> None:
    sagemaker.call("CreateModel", {"ModelName": name, "PrimaryContainer": {"Image": image} | container})


def variant(name: str = "primary", *, model: str = "llama", count: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": "ml.g5.xlarge",
    } | more


def make_config(sagemaker: SageMaker, name: str, *variants: dict[str, Any], **more: Any) -> None:
    params = {"EndpointConfigName": name, "ProductionVariants": list(variants)} | more
    sagemaker.call("CreateEndpointConfig", params)


def make_endpoint(sagemaker: SageMaker, *variants: dict[str, Any], name: str = "chat") -> None:
    """An endpoint in service on configuration `<name>-1`, with model `llama` unless that exists already."""
    if not any(m["ModelName"] == "llama" for m in sagemaker.call("ListModels", {})["Models"]):
        make_model(sagemaker, "llama")
    make_config(sagemaker, f"{name}-1", *(variants or (variant(),)))
    sagemaker.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": f"{name}-1"})
    assert settled(sagemaker, name) == "InService"


def settled(sagemaker: SageMaker, name: str = "chat") -> str | None:
    return sagemaker.wait_until_settled(name, timeout_s=10)


def describe(sagemaker: SageMaker, name: str = "chat") -> dict[str, Any]:
    return sagemaker.call("DescribeEndpoint", {"EndpointName": name})


def described_variant(sagemaker: SageMaker, variant_name: str = "primary") -> dict[str, Any]:
    variants = describe(sagemaker)["ProductionVariants"]
    return next(dict(v) for v in variants if v["VariantName"] == variant_name)


def refusal(sagemaker: SageMaker, operation: str, params: dict[str, Any]) -> str:
    """The message of the ValidationException that an operation answers."""
    with pytest.raises(ServiceError) as refused:
        sagemaker.call(operation, params)
    assert refused.value.code == "ValidationException"
    return refused.value.message


def client_error(call: Any, **params: Any) -> tuple[str, str]:
    """Code and message of the error that a boto3 call answers."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]
