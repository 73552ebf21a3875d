"""What runs, as the account's APIs describe it. `adapters.live_endpoints` gathers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from endpoints.verify.scaling import ScalableTarget

_CHANGING: Final = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True, kw_only=True)
class LiveStack:
    """A stack by CloudFormation's word. `status` is None when it does not exist.

    `reason` is the first failure of its last operation; `template` is what is deployed.
    """

    name: str
    status: str | None
    reason: str | None = None
    pseudo: Mapping[str, str] = field(default_factory=dict)
    physical_ids: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LiveVariant:
    """A production variant. `resolved_image` carries the digest that SageMaker pulled; None is "does not say"."""

    name: str
    instance_types: tuple[str, ...]
    host_ami: str | None
    image: str | None
    resolved_image: str | None
    model_data: str | None
    environment: Mapping[str, str]
    desired_weight: float
    desired_count: int
    current_count: int


@dataclass(frozen=True, kw_only=True)
class LiveEndpoint:
    """`rollback_alarms` are those of its last deployment."""

    name: str
    status: str
    failure_reason: str | None
    config_name: str
    variants: tuple[LiveVariant, ...]
    rollback_alarms: tuple[str, ...] = ()
    targets: tuple[ScalableTarget, ...] = ()

    @property
    def changing(self) -> bool:
        """SageMaker is at work on it, and refuses other changes meanwhile."""
        return self.status in _CHANGING

    def variant(self, name: str) -> LiveVariant | None:
        return next((variant for variant in self.variants if variant.name == name), None)

    def target(self, variant_name: str) -> ScalableTarget | None:
        return next((target for target in self.targets if target.variant_name == variant_name), None)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything gathered at one moment. `alarm_states` holds the alarms that exist."""

    stacks: Mapping[str, LiveStack]
    endpoints: Mapping[str, LiveEndpoint]
    alarm_states: Mapping[str, str] = field(default_factory=dict)
