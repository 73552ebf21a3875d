"""Reading a CloudFormation template: its resources, what they refer to, which instance types a variant may run on.

Preflight reads templates as they are, before anything is deployed; verify with what CloudFormation has made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Template = Mapping[str, Any]
Properties = Mapping[str, Any]

ENDPOINT: Final = "AWS::SageMaker::Endpoint"
CONFIG: Final = "AWS::SageMaker::EndpointConfig"
MODEL: Final = "AWS::SageMaker::Model"
TARGET: Final = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY: Final = "AWS::ApplicationAutoScaling::ScalingPolicy"


def resources_of(template: Template, resource_type: str) -> dict[str, Properties]:
    """Properties of the resources of a type, by logical id."""
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in template.get("Resources", {}).items()
        if resource.get("Type") == resource_type
    }


def referenced(value: Any) -> str | None:
    """The logical id that `Ref` or `Fn::GetAtt` names; None for anything else."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            return logical_id
        case {"Fn::GetAtt": str(dotted)}:
            return dotted.partition(".")[0]
        case _:
            return None


def instance_types(variant: Properties) -> tuple[str, ...]:
    """A production variant's instance types by priority, from a template or from DescribeEndpointConfig."""
    if "InstanceType" in variant:
        return (str(variant["InstanceType"]),)
    pools = sorted(variant.get("InstancePools", ()), key=lambda pool: int(pool.get("Priority", 0)))
    return tuple(str(pool["InstanceType"]) for pool in pools)
