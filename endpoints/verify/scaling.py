"""Scaling of one variant: the same shape for what a template asks for and what Application Auto Scaling has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"
NAMESPACE: Final = "sagemaker"

POLICY_CONFIGURATIONS: Final[Mapping[str, str]] = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}
"""The member that holds a policy's configuration, by policy type; both in the API and in CloudFormation."""

ACTION_MEMBERS: Final = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
"""What defines a scheduled action besides its name."""


@dataclass(frozen=True, kw_only=True)
class ScalingPolicy:
    """`configuration` is in the API's shape."""

    name: str
    policy_type: str
    configuration: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScheduledAction:
    """`definition` holds the `ACTION_MEMBERS` that are set, in the API's shape."""

    name: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScalableTarget:
    """A registered variant. `suspended` names the members of its SuspendedState that are true."""

    resource_id: str
    min_capacity: int
    max_capacity: int
    suspended: tuple[str, ...] = ()
    policies: tuple[ScalingPolicy, ...] = ()
    scheduled_actions: tuple[ScheduledAction, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of its policies and scheduled actions."""
        policies = (policy.name for policy in self.policies)
        return (*policies, *(action.name for action in self.scheduled_actions))

    @property
    def bounds(self) -> tuple[int, int]:
        return self.min_capacity, self.max_capacity

    @property
    def allowed_bounds(self) -> frozenset[tuple[int, int]]:
        """Its own bounds, and those that its schedules set at night and at weekends."""
        low, high = self.bounds
        actions = (action.definition.get("ScalableTargetAction", {}) for action in self.scheduled_actions)
        scheduled = (
            (int(action.get("MinCapacity", low)), int(action.get("MaxCapacity", high))) for action in actions
        )
        return frozenset({self.bounds, *scheduled})

    @property
    def endpoint_name(self) -> str:
        return self.resource_id.split("/")[1]

    @property
    def variant_name(self) -> str:
        return self.resource_id.rsplit("/", 1)[-1]


def resource_id(endpoint_name: str, variant_name: str) -> str:
    """How Application Auto Scaling names a variant."""
    return f"endpoint/{endpoint_name}/variant/{variant_name}"
