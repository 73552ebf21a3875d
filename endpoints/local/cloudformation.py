"""Five CloudFormation types that ministack lacks, on the embedded SageMaker and Application Auto Scaling.

Properties are the API's parameters (CloudFormation uses the same names), so they pass through, with the
strings that templates deliver turned into the numbers and booleans of the service model. `REPLACING` is the
`createOnlyProperties` of AWS's published resource schemas; `Ref` and `Fn::GetAtt` give what the template
reference says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from endpoints.errors import LocalError
from endpoints.local.ministack_private import ResourceType, physical_name
from endpoints.local.protocol import ServiceError
from endpoints.local.template_values import api_parameters, tag_changes

Properties = dict[str, Any]
Identity = tuple[str, dict[str, Any]]  # what Ref gives, what Fn::GetAtt gives

NAME_MAX_LENGTH = 63  # of models, endpoint configurations and endpoints
# Above the longest health check that a variant may ask for (3,600 s), an old fleet's last requests included.
SETTLE_TIMEOUT_S = 7200.0
TARGET_KEY = ("ResourceId", "ScalableDimension", "ServiceNamespace")

REPLACING: Mapping[str, tuple[str, ...]] = {
    "AWS::SageMaker::Model": (
        "Containers",
        "EnableNetworkIsolation",
        "ExecutionRoleArn",
        "InferenceExecutionConfig",
        "ModelName",
        "PrimaryContainer",
        "VpcConfig",
    ),
    "AWS::SageMaker::EndpointConfig": (
        "AsyncInferenceConfig",
        "DataCaptureConfig",
        "EnableNetworkIsolation",
        "EndpointConfigName",
        "ExecutionRoleArn",
        "ExplainerConfig",
        "KmsKeyId",
        "MetricsConfig",
        "ProductionVariants",
        "ShadowProductionVariants",
        "VpcConfig",
    ),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
    "AWS::ApplicationAutoScaling::ScalableTarget": TARGET_KEY,
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PolicyName", *TARGET_KEY, "ScalingTargetId"),
}


class Service(Protocol):
    """A control plane: botocore operation names, parameters and answers. Raises `ServiceError`."""

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]: ...


class SageMakerService(Service, Protocol):
    """SageMaker's control plane, which also lets one wait for an endpoint without asking again and again."""

    def wait_until_settled(self, endpoint_name: str, *, timeout_s: float) -> str | None: ...


def resource_types(sagemaker: SageMakerService, autoscaling: Service) -> list[ResourceType]:
    """The five types, served by the given control planes."""
    return [
        _type("AWS::SageMaker::Model", NamedResource(sagemaker, "Model"), tags="Tags"),
        _type("AWS::SageMaker::EndpointConfig", NamedResource(sagemaker, "EndpointConfig"), tags="Tags"),
        _type("AWS::SageMaker::Endpoint", EndpointResource(sagemaker), tags="Tags"),
        _type("AWS::ApplicationAutoScaling::ScalableTarget", ScalableTarget(autoscaling)),
        _type("AWS::ApplicationAutoScaling::ScalingPolicy", ScalingPolicy(autoscaling)),
    ]


class _Resource(Protocol):
    def create(self, logical_id: str, properties: Properties, stack_name: str, /) -> Identity: ...

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str, /) -> Identity: ...

    def delete(self, physical_id: str, properties: Properties, /) -> None: ...


def _type(name: str, resource: _Resource, *, tags: str | None = None) -> ResourceType:
    return ResourceType(
        name=name,
        replacing_properties=REPLACING[name],
        tags_property=tags,
        create=resource.create,
        update=resource.update,
        delete=resource.delete,
    )


class NamedResource:
    """A SageMaker resource: Ref is its ARN, Fn::GetAtt its name and ARN. In place only its tags change."""

    def __init__(self, sagemaker: Service, kind: str) -> None:
        self._sagemaker = sagemaker
        self._kind = kind

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Identity:
        generated = physical_name(stack_name, logical_id, max_length=NAME_MAX_LENGTH)
        named = {self._name_key: generated, **properties}
        answer = self._sagemaker.call(
            f"Create{self._kind}", api_parameters("sagemaker", f"Create{self._kind}", self._parameters(named))
        )
        return self._identity(answer[f"{self._kind}Arn"])

    def update(self, physical_id: str, old: Properties, new: Properties, _stack: str) -> Identity:
        added, removed = tag_changes(old, new)
        if added:
            self._sagemaker.call("AddTags", {"ResourceArn": physical_id, "Tags": added})
        if removed:
            self._sagemaker.call("DeleteTags", {"ResourceArn": physical_id, "TagKeys": removed})
        return self._identity(physical_id)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        _ignoring_absence(self._sagemaker, f"Delete{self._kind}", {self._name_key: name_of(physical_id)})

    @property
    def _name_key(self) -> str:
        return f"{self._kind}Name"

    def _identity(self, arn: str) -> Identity:
        described = self._sagemaker.call(f"Describe{self._kind}", {self._name_key: name_of(arn)})
        return arn, {self._name_key: described[self._name_key], f"{self._kind}Arn": arn}

    def _parameters(self, properties: Properties) -> Properties:
        return properties


class EndpointResource(NamedResource):
    """An endpoint: create and update last until it serves the new configuration, delete until it is gone."""

    UPDATE_ONLY = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")

    def __init__(self, sagemaker: SageMakerService) -> None:
        super().__init__(sagemaker, "Endpoint")
        self._endpoints = sagemaker

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Identity:
        arn, attributes = super().create(logical_id, properties, stack_name)
        try:
            self._wait_until_it_serves(name_of(arn), properties["EndpointConfigName"])
        except LocalError:
            # CloudFormation's rollback deletes the resource that failed; ministack forgets it.
            self.delete(arn, properties)
            raise
        return arn, attributes

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Identity:
        if old.get("EndpointConfigName") != new.get("EndpointConfigName"):
            self._move(name_of(physical_id), new)
        return super().update(physical_id, old, new, stack_name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        name = name_of(physical_id)
        self._settled(name)  # an endpoint that is changing refuses to be deleted
        super().delete(physical_id, properties)
        self._settled(name)

    def _move(self, name: str, properties: Properties) -> None:
        self._settled(name)  # its instances may just be scaling
        wanted = {key: value for key, value in properties.items() if key != "Tags"}
        parameters = api_parameters("sagemaker", "UpdateEndpoint", {**wanted, self._name_key: name})
        self._endpoints.call("UpdateEndpoint", parameters)
        self._wait_until_it_serves(name, parameters["EndpointConfigName"])

    def _wait_until_it_serves(self, name: str, config_name: str) -> None:
        """After a failed update SageMaker reports InService again, on the old configuration."""
        status = self._settled(name)
        if status is None:
            raise LocalError(f"Endpoint {name} was deleted while it was changing.")
        endpoint = self._endpoints.call("DescribeEndpoint", {self._name_key: name})
        serving = endpoint["EndpointConfigName"]
        if status != "InService" or serving != config_name:
            reason = endpoint.get("FailureReason", f"It serves {serving}.")
            raise LocalError(f"Endpoint {name} ({status}) does not serve {config_name}. {reason}")

    def _settled(self, name: str) -> str | None:
        return self._endpoints.wait_until_settled(name, timeout_s=SETTLE_TIMEOUT_S)

    def _parameters(self, properties: Properties) -> Properties:
        return {key: value for key, value in properties.items() if key not in self.UPDATE_ONLY}


class ScalableTarget:
    """A scalable target: Ref and Fn::GetAtt Id are `resource|dimension|namespace`."""

    def __init__(self, autoscaling: Service) -> None:
        self._autoscaling = autoscaling

    def create(self, _logical_id: str, properties: Properties, _stack: str) -> Identity:
        self._register(properties)
        target_id = "|".join(properties[key] for key in TARGET_KEY)
        return target_id, {"Id": target_id}

    def update(self, physical_id: str, old: Properties, new: Properties, _stack: str) -> Identity:
        self._register(new)
        for name in _action_names(old) - _action_names(new):
            action = {"ScheduledActionName": name, **target_of(physical_id)}
            _ignoring_absence(self._autoscaling, "DeleteScheduledAction", action)
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        _ignoring_absence(self._autoscaling, "DeregisterScalableTarget", target_of(physical_id))

    def _register(self, properties: Properties) -> None:
        target = {name: value for name, value in properties.items() if name != "ScheduledActions"}
        parameters = api_parameters("application-autoscaling", "RegisterScalableTarget", target)
        self._autoscaling.call("RegisterScalableTarget", parameters)
        for action in properties.get("ScheduledActions", []):
            named = {**action, **{key: properties[key] for key in TARGET_KEY}}
            parameters = api_parameters("application-autoscaling", "PutScheduledAction", named)
            self._autoscaling.call("PutScheduledAction", parameters)


class ScalingPolicy:
    """A scaling policy: Ref and Fn::GetAtt Arn are its ARN. Its target is named by id or by three parts."""

    def __init__(self, autoscaling: Service) -> None:
        self._autoscaling = autoscaling

    def create(self, _logical_id: str, properties: Properties, _stack: str) -> Identity:
        rest = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
        parameters = api_parameters(
            "application-autoscaling", "PutScalingPolicy", {**rest, **policy_target(properties)}
        )
        arn = self._autoscaling.call("PutScalingPolicy", parameters)["PolicyARN"]
        return arn, {"Arn": arn}

    def update(self, physical_id: str, _old: Properties, new: Properties, stack: str) -> Identity:
        return self.create(physical_id, new, stack)

    def delete(self, _physical_id: str, properties: Properties) -> None:
        policy = {"PolicyName": properties["PolicyName"], **policy_target(properties)}
        _ignoring_absence(self._autoscaling, "DeleteScalingPolicy", policy)


def _action_names(properties: Properties) -> set[str]:
    return {action["ScheduledActionName"] for action in properties.get("ScheduledActions", [])}


def name_of(arn: str) -> str:
    """`name` of `arn:aws:sagemaker:<region>:<account>:<kind>/<name>`, in the lower case that ARNs have."""
    return arn.rsplit("/", 1)[-1]


def target_of(target_id: str) -> dict[str, str]:
    """The three parts of a scalable target's id."""
    return dict(zip(TARGET_KEY, target_id.split("|"), strict=True))


def policy_target(properties: Mapping[str, Any]) -> dict[str, str]:
    """The scalable target a policy belongs to, however its template names it."""
    if "ScalingTargetId" in properties:
        return target_of(properties["ScalingTargetId"])
    return {key: properties[key] for key in TARGET_KEY if key in properties}


def is_absent(error: ServiceError) -> bool:
    """True when a service says that what was asked for does not exist."""
    return error.code == "ObjectNotFoundException" or error.message.startswith("Could not find")


def _ignoring_absence(service: Service, operation: str, parameters: dict[str, Any]) -> None:
    try:
        service.call(operation, parameters)
    except ServiceError as error:
        if not is_absent(error):
            raise
