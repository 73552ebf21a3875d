"""From an endpoint configuration to the fleet that serves it. Pure: nothing is started here."""

from __future__ import annotations

from typing import Any

from endpoints.local.sagemaker.records import Endpoint, Fleet, Instance, Resource, Variant
from endpoints.local.sagemaker.registry import Registry
from endpoints.local.sagemaker.resources import container_of, instance_types

_DEFAULT_STARTUP_TIMEOUT_S = 240.0  # SageMaker's own default is four minutes
_DEFAULT_WEIGHT = 1.0


def plan_fleet(registry: Registry, config: Resource) -> Fleet:
    """The fleet of a configuration, without instances. Raises ServiceError when a model is gone."""
    variants = (_plan_variant(registry, variant) for variant in config.request["ProductionVariants"])
    return {variant.name: variant for variant in variants}


def _plan_variant(registry: Registry, variant: dict[str, Any]) -> Variant:
    container = container_of(registry.model(variant["ModelName"]).request)
    weight = float(variant.get("InitialVariantWeight", _DEFAULT_WEIGHT))
    timeout_s = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _DEFAULT_STARTUP_TIMEOUT_S)
    return Variant(
        name=variant["VariantName"],
        model_name=variant["ModelName"],
        image=container["Image"],
        environment=dict(container.get("Environment", {})),
        model_data_url=_model_data_url(container),
        instance_types=instance_types(variant),
        provision_timeout_s=float(variant.get("VariantInstanceProvisionTimeoutInSeconds", 0)),
        startup_timeout_s=float(timeout_s),
        routing_config=variant.get("RoutingConfig"),
        desired_weight=weight,
        current_weight=weight,
        desired_count=int(variant["InitialInstanceCount"]),
    )


def _model_data_url(container: dict[str, Any]) -> str | None:
    source: str | None = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
    return source or container.get("ModelDataUrl")


def retain_properties(planned: Fleet, running: Fleet, excluded: set[str]) -> None:
    """`RetainAllVariantProperties`: keep weights and counts that were changed since the last deployment."""
    for name, variant in planned.items():
        if name not in running:
            continue
        if "DesiredInstanceCount" not in excluded:
            variant.desired_count = running[name].desired_count
        if "DesiredWeight" not in excluded:
            variant.desired_weight = variant.current_weight = running[name].desired_weight


def refused_variant(registry: Registry, endpoint: Endpoint, planned: Fleet) -> Variant | None:
    """A running variant with a registered scalable target that the plan removes or moves to another instance type."""
    for name, variant in endpoint.fleet.items():
        changed = name not in planned or planned[name].instance_type != variant.instance_type
        if changed and registry.scalable_targets.has_target(resource_id(endpoint.name, name)):
            return variant
    return None


def resource_id(endpoint_name: str, variant_name: str) -> str:
    """How Application Auto Scaling names a variant."""
    return f"endpoint/{endpoint_name}/variant/{variant_name}"


def take_instances(fleet: Fleet) -> list[Instance]:
    """Detach every instance of a fleet, so that no new request reaches it."""
    instances = [instance for variant in fleet.values() for instance in variant.instances]
    for variant in fleet.values():
        variant.instances = []
    return instances
