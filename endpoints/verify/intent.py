"""What the synthesised templates mean for each endpoint, resolved with what CloudFormation says of its stack. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from endpoints.templates import (
    CONFIG,
    ENDPOINT,
    MODEL,
    POLICY,
    TARGET,
    Properties,
    Template,
    instance_types,
    referenced,
    resources_of,
)
from endpoints.verify.live import LiveStack
from endpoints.verify.resolver import StackValues, Unresolved, resolve
from endpoints.verify.scaling import (
    ACTION_MEMBERS,
    POLICY_CONFIGURATIONS,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
)

Text = str | Unresolved

_NOT_DEPLOYED: Final = LiveStack(name="", status=None)


@dataclass(frozen=True, kw_only=True)
class ContainerIntent:
    """`model_data` is the S3 URI of the weights; None when the image brings its own."""

    image: Text
    model_data: Text | None
    environment: Mapping[str, Text]


@dataclass(frozen=True, kw_only=True)
class VariantIntent:
    """`instance_types` by priority: one, or those of its InstancePools."""

    name: str
    instance_types: tuple[str, ...]
    initial_count: int
    weight: float
    host_ami: str | None
    container: ContainerIntent


@dataclass(frozen=True, kw_only=True)
class EndpointIntent:
    """One endpoint of one stack. `config_name` is the physical name that the stack has given its configuration."""

    stack_name: str
    endpoint_name: str
    config_name: Text
    variants: tuple[VariantIntent, ...]
    rollback_alarms: tuple[Text, ...]
    targets: tuple[ScalableTarget, ...]
    unresolved: tuple[str, ...] = ()

    def variant(self, name: str) -> VariantIntent | None:
        return next((variant for variant in self.variants if variant.name == name), None)

    def target(self, variant_name: str) -> ScalableTarget | None:
        return next((target for target in self.targets if target.variant_name == variant_name), None)


def endpoint_intents(
    templates: Mapping[str, Template], stacks: Mapping[str, LiveStack]
) -> tuple[EndpointIntent, ...]:
    """Every endpoint of `templates` (by stack name); `stacks` says what CloudFormation has made of them so far."""
    return tuple(
        _endpoint(
            stack_name, _Stack(template, values_of(stacks.get(stack_name, _NOT_DEPLOYED), stacks)), endpoint
        )
        for stack_name, template in templates.items()
        for endpoint in resources_of(template, ENDPOINT).values()
    )


def values_of(stack: LiveStack, stacks: Mapping[str, LiveStack]) -> StackValues:
    """What the intrinsics of `stack` refer to; exports come from every stack that was gathered."""
    exports = {name: value for other in stacks.values() for name, value in other.exports.items()}
    return StackValues(
        pseudo=stack.pseudo, physical_ids=stack.physical_ids, parameters=stack.parameters, exports=exports
    )


@dataclass(frozen=True)
class _Stack:
    template: Template
    values: StackValues

    def of_type(self, resource_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical ids and resolved properties."""
        for logical_id, properties in resources_of(self.template, resource_type).items():
            yield logical_id, resolve(properties, self.values)

    def referred(self, reference: Any, resource_type: str) -> Properties:
        """Properties, as they stand, of the resource that a Ref or Fn::GetAtt names; empty when there is none."""
        return resources_of(self.template, resource_type).get(referenced(reference) or "", {})


def _endpoint(stack_name: str, stack: _Stack, raw: Properties) -> EndpointIntent:
    properties = resolve(raw, stack.values)
    config = stack.referred(raw["EndpointConfigName"], CONFIG)
    variants = tuple(_variant(stack, variant) for variant in config.get("ProductionVariants", []))
    name = str(properties.get("EndpointName", stack_name))
    return EndpointIntent(
        stack_name=stack_name,
        endpoint_name=name,
        config_name=properties["EndpointConfigName"],
        variants=variants,
        rollback_alarms=_alarms(properties),
        targets=tuple(target for target in _targets(stack) if target.endpoint_name == name),
        unresolved=tuple(_unresolved(variants)),
    )


def _variant(stack: _Stack, raw: Mapping[str, Any]) -> VariantIntent:
    variant = resolve(raw, stack.values)
    return VariantIntent(
        name=str(variant["VariantName"]),
        instance_types=instance_types(variant),
        initial_count=int(variant.get("InitialInstanceCount", 1)),
        weight=float(variant.get("InitialVariantWeight", 1)),
        host_ami=variant.get("InferenceAmiVersion"),
        container=_container(resolve(stack.referred(raw["ModelName"], MODEL), stack.values)),
    )


def _container(model: Mapping[str, Any]) -> ContainerIntent:
    containers: list[dict[str, Any]] = [model.get("PrimaryContainer", {}), *model.get("Containers", ())]
    primary: dict[str, Any] = next(filter(None, containers), {})
    return ContainerIntent(
        image=primary.get("Image", Unresolved("its model is not in the template")),
        model_data=model_data(primary),
        environment=primary.get("Environment", {}),
    )


def model_data(container: Mapping[str, Any]) -> Text | None:
    """Where a container's weights come from, in a template or in DescribeModel's answer."""
    source: Text | None = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
    return source or container.get("ModelDataUrl")


def _alarms(endpoint: Mapping[str, Any]) -> tuple[Text, ...]:
    rollback = endpoint.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    return tuple(alarm["AlarmName"] for alarm in rollback.get("Alarms", ()))


def _targets(stack: _Stack) -> Iterator[ScalableTarget]:
    for logical_id, properties in stack.of_type(TARGET):
        resource_id = properties.get("ResourceId")
        if isinstance(resource_id, str) and resource_id.startswith("endpoint/"):
            yield ScalableTarget(
                resource_id=resource_id,
                min_capacity=int(properties["MinCapacity"]),
                max_capacity=int(properties["MaxCapacity"]),
                policies=tuple(_policies(stack, logical_id, resource_id)),
                scheduled_actions=tuple(map(_action, properties.get("ScheduledActions", ()))),
            )


def _policies(stack: _Stack, target_id: str, resource_id: str) -> Iterator[ScalingPolicy]:
    for logical_id, properties in resources_of(stack.template, POLICY).items():
        belongs = referenced(properties.get("ScalingTargetId")) == target_id
        if belongs or resolve(properties.get("ResourceId"), stack.values) == resource_id:
            yield _policy(logical_id, resolve(properties, stack.values))


def _policy(logical_id: str, properties: Mapping[str, Any]) -> ScalingPolicy:
    policy_type = str(properties.get("PolicyType", "StepScaling"))
    return ScalingPolicy(
        name=str(properties.get("PolicyName", logical_id)),
        policy_type=policy_type,
        configuration=properties.get(POLICY_CONFIGURATIONS.get(policy_type, ""), {}),
    )


def _action(properties: Mapping[str, Any]) -> ScheduledAction:
    definition = {name: properties[name] for name in ACTION_MEMBERS if name in properties}
    return ScheduledAction(name=str(properties["ScheduledActionName"]), definition=definition)


def _unresolved(variants: tuple[VariantIntent, ...]) -> Iterator[str]:
    for variant in variants:
        container = variant.container
        values = {"image": container.image, "model data": container.model_data, **container.environment}
        for name, value in values.items():
            if isinstance(value, Unresolved):
                yield f"{variant.name}: {name}: {value.why}"
