"""Models and endpoint configurations: immutable resources that are created, described, listed and deleted."""

from __future__ import annotations

import re
from typing import Any

from endpoints.local.protocol import Handler, validation_error
from endpoints.local.sagemaker.listing import page
from endpoints.local.sagemaker.records import Resource, as_time, now_s
from endpoints.local.sagemaker.registry import Registry

# Instance families with local NVMe storage, where SageMaker refuses a KmsKeyId for the (absent) EBS volume.
_NVME = re.compile(r"ml\.(g4dn|g5|g6e?|g6f|gr6|g7e?|p4de?|p5(e|en)?|p6-\w+|trn1n?|trn2|[cmr]\d\w*d\w*)\.")
# Features of a configuration that need machinery which is not here: refused rather than silently ignored.
_NOT_EMBEDDED = {
    "AsyncInferenceConfig": "asynchronous inference",
    "ExplainerConfig": "online explainability",
    "ShadowProductionVariants": "shadow variants",
}


class ModelOperations:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.handlers: dict[str, Handler] = {
            "CreateModel": self.create,
            "DescribeModel": self.describe,
            "DeleteModel": self.delete,
            "ListModels": self.list_page,
        }

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        request, name = dict(params), params["ModelName"]
        tags = request.pop("Tags", [])
        container_of(request)
        resource = Resource(name, self._registry.arn("model", name), request, now_s())
        with self._registry.changing():
            self._registry.refuse_existing(name.lower() in self._registry.models, "model", "model", name)
            self._registry.models[name.lower()] = resource
            self._registry.tag(resource.arn, tags)
        return {"ModelArn": resource.arn}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        model = self._registry.model(params["ModelName"])
        defaults = {"EnableNetworkIsolation": False}
        return defaults | model.request | {"ModelArn": model.arn, "CreationTime": as_time(model.created_at_s)}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changing():
            model = self._registry.model(params["ModelName"])
            del self._registry.models[model.name.lower()]
            self._registry.tags.pop(model.arn, None)
        return {}

    def list_page(self, params: dict[str, Any]) -> dict[str, Any]:
        models, token = page(list(self._registry.models.values()), params)
        return {"Models": [_summary(model, "Model") for model in models], "NextToken": token}


class EndpointConfigOperations:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.handlers: dict[str, Handler] = {
            "CreateEndpointConfig": self.create,
            "DescribeEndpointConfig": self.describe,
            "DeleteEndpointConfig": self.delete,
            "ListEndpointConfigs": self.list_page,
        }

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        request, name = dict(params), params["EndpointConfigName"]
        tags = request.pop("Tags", [])
        _check_config(request)
        resource = Resource(name, self._registry.arn("endpoint-config", name), request, now_s())
        with self._registry.changing():
            exists = name.lower() in self._registry.configs
            self._registry.refuse_existing(exists, "endpoint-config", "endpoint configuration", name)
            for variant in request["ProductionVariants"]:
                self._registry.model(variant["ModelName"])
            self._registry.configs[name.lower()] = resource
            self._registry.tag(resource.arn, tags)
        return {"EndpointConfigArn": resource.arn}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        config = self._registry.config(params["EndpointConfigName"])
        created = {"EndpointConfigArn": config.arn, "CreationTime": as_time(config.created_at_s)}
        return {"EnableNetworkIsolation": False} | config.request | created

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        """As in SageMaker, a configuration in use can be deleted; the endpoint goes on with what it runs."""
        with self._registry.changing():
            config = self._registry.config(params["EndpointConfigName"])
            del self._registry.configs[config.name.lower()]
            self._registry.tags.pop(config.arn, None)
        return {}

    def list_page(self, params: dict[str, Any]) -> dict[str, Any]:
        configs, token = page(list(self._registry.configs.values()), params)
        return {
            "EndpointConfigs": [_summary(config, "EndpointConfig") for config in configs],
            "NextToken": token,
        }


def container_of(model: dict[str, Any]) -> dict[str, Any]:
    """The one container of a model's request. Raises ServiceError for none, both forms, or a pipeline."""
    primary, several = model.get("PrimaryContainer"), model.get("Containers") or []
    if bool(primary) == bool(several):
        raise validation_error("Specify exactly one of PrimaryContainer and Containers.")
    if len(several) > 1:
        raise validation_error("The embedded SageMaker does not run inference pipelines: give one container.")
    container: dict[str, Any] = primary or several[0]
    if not container.get("Image"):
        raise validation_error("A container needs an Image (model packages are not embedded).")
    return container


def _summary(resource: Resource, kind: str) -> dict[str, Any]:
    created = {"CreationTime": as_time(resource.created_at_s)}
    return {f"{kind}Name": resource.name, f"{kind}Arn": resource.arn} | created


def _check_config(request: dict[str, Any]) -> None:
    for member, feature in _NOT_EMBEDDED.items():
        if request.get(member):
            raise validation_error(f"The embedded SageMaker does not have {feature} ({member}).")
    variants = request["ProductionVariants"]
    names = [variant["VariantName"].lower() for variant in variants]
    if len(set(names)) < len(names):
        raise validation_error("Production variant names must be unique within an endpoint configuration.")
    for variant in variants:
        _check_variant(variant, request.get("KmsKeyId"))


def _check_variant(variant: dict[str, Any], kms_key_id: str | None) -> None:
    name = variant["VariantName"]
    if variant.get("ServerlessConfig"):
        raise validation_error(f"The embedded SageMaker has no serverless variants (variant {name}).")
    if not variant.get("ModelName"):
        raise validation_error(f"Variant {name} needs a ModelName (inference components are not embedded).")
    if "InitialInstanceCount" not in variant or not instance_types(variant):
        raise validation_error(
            f"Variant {name} needs InstanceType or InstancePools, and InitialInstanceCount."
        )
    for instance_type in instance_types(variant):
        if kms_key_id and _NVME.match(instance_type):
            raise validation_error(
                f"KmsKeyId is not supported for instance type {instance_type} of variant {name}: its local NVMe "
                "storage is encrypted by hardware. Leave KmsKeyId out."
            )


def instance_types(variant: dict[str, Any]) -> list[str]:
    """The instance types of a ProductionVariant, the preferred one first."""
    if "InstanceType" in variant:
        return [variant["InstanceType"]]
    pools = sorted(variant.get("InstancePools", []), key=lambda pool: int(pool["Priority"]))
    return [pool["InstanceType"] for pool in pools]
