"""Application Auto Scaling of one endpoint's variants: read, taken away, put back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.aws_errors import error_code
from endpoints.verify.scaling import (
    ACTION_MEMBERS,
    DIMENSION,
    NAMESPACE,
    POLICY_CONFIGURATIONS,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
    resource_id,
)

_SUSPENDED: Final = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
Rows = Iterable[Mapping[str, Any]]


def scalable_targets(
    autoscaling: Any, endpoint: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[ScalableTarget, ...]:
    """What is registered for the variants of an endpoint; botocore's answers about it are given."""
    variants = {
        variant["VariantName"]
        for variant in (*endpoint.get("ProductionVariants", ()), *config["ProductionVariants"])
    }
    ids = sorted(resource_id(endpoint["EndpointName"], name) for name in variants)
    rows = _all(autoscaling, "describe_scalable_targets", "ScalableTargets", ResourceIds=ids)
    return tuple(_target(autoscaling, row) for row in rows if row["ScalableDimension"] == DIMENSION)


def deregister(autoscaling: Any, target_id: str) -> None:
    """Take a variant out of Application Auto Scaling, with its policies and schedules. Gone already is fine."""
    try:
        autoscaling.deregister_scalable_target(**_key(target_id))
    except ClientError as error:
        if error_code(error) != "ObjectNotFoundException":
            raise


def register(autoscaling: Any, target: ScalableTarget) -> None:
    """Register a variant as `target` says, or bring it there: bounds, suspension, policies, schedules."""
    autoscaling.register_scalable_target(
        **_key(target.resource_id),
        MinCapacity=target.min_capacity,
        MaxCapacity=target.max_capacity,
        SuspendedState={name: name in target.suspended for name in _SUSPENDED},
    )
    key = _key(target.resource_id)
    for policy in target.policies:
        configuration = {POLICY_CONFIGURATIONS[policy.policy_type]: policy.configuration}
        autoscaling.put_scaling_policy(
            **key, PolicyName=policy.name, PolicyType=policy.policy_type, **configuration
        )
    for action in target.scheduled_actions:
        autoscaling.put_scheduled_action(**key, ScheduledActionName=action.name, **action.definition)


def _target(autoscaling: Any, row: Mapping[str, Any]) -> ScalableTarget:
    key = {"ResourceId": row["ResourceId"], "ScalableDimension": DIMENSION}
    policies = _all(autoscaling, "describe_scaling_policies", "ScalingPolicies", **key)
    actions = _all(autoscaling, "describe_scheduled_actions", "ScheduledActions", **key)
    suspended = row.get("SuspendedState", {})
    return ScalableTarget(
        resource_id=row["ResourceId"],
        min_capacity=row["MinCapacity"],
        max_capacity=row["MaxCapacity"],
        suspended=tuple(name for name in _SUSPENDED if suspended.get(name)),
        policies=tuple(map(_policy, policies)),
        scheduled_actions=tuple(map(_action, actions)),
    )


def _policy(row: Mapping[str, Any]) -> ScalingPolicy:
    return ScalingPolicy(
        name=row["PolicyName"],
        policy_type=row["PolicyType"],
        configuration=row.get(POLICY_CONFIGURATIONS[row["PolicyType"]], {}),
    )


def _action(row: Mapping[str, Any]) -> ScheduledAction:
    definition = {name: row[name] for name in ACTION_MEMBERS if row.get(name) is not None}
    return ScheduledAction(name=row["ScheduledActionName"], definition=definition)


def _key(target_id: str) -> dict[str, str]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": target_id, "ScalableDimension": DIMENSION}


def _all(autoscaling: Any, operation: str, member: str, **parameters: Any) -> list[Mapping[str, Any]]:
    pages = autoscaling.get_paginator(operation).paginate(ServiceNamespace=NAMESPACE, **parameters)
    return [row for page in pages for row in page[member]]
