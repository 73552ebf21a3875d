"""A DeploymentConfig: what SageMaker refuses of it, and the stages of traffic that it asks for. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endpoints.local.protocol import ServiceError, validation_error

Counts = Mapping[str, int]  # instances of the new fleet by variant name
_LARGEST_SHARE = 0.5
_SMALLEST_SHARE = {"LinearStepSize": 0.1, "MaximumBatchSize": 0.05}
_DEFAULT_TIMEOUT_S = 28_800.0  # the longest that the service model allows


@dataclass(frozen=True)
class Stage:
    """Traffic on so many instances of the new fleet, and the time that alarms watch them. Seconds on AWS."""

    active: Counts
    wait_s: float
    wait_name: str  # the member of the policy that asks for the wait
    capacity: str  # "canary capacity", "full capacity": as SageMaker's status messages say it


@dataclass(frozen=True)
class Plan:
    """The whole of a deployment."""

    stages: tuple[Stage, ...]
    alarm_names: tuple[str, ...]
    timeout_s: float


def plan_deployment(config: dict[str, Any] | None, counts: Counts) -> Plan:
    """The stages for a new fleet. Raises ServiceError ValidationException for sizes that do not fit it.

    Without a policy the traffic shifts all at once and nothing bakes.
    """
    config = config or {}
    if config.get("BlueGreenUpdatePolicy") and config.get("RollingUpdatePolicy"):
        raise validation_error("Only one update policy should be used in the deployment configuration.")
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    names = tuple(alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm)
    policy = config.get("BlueGreenUpdatePolicy") or config.get("RollingUpdatePolicy") or {}
    timeout_s = float(policy.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT_S))
    if "RollingUpdatePolicy" in config:
        return Plan(_rolling(config["RollingUpdatePolicy"], counts), names, timeout_s)
    return Plan(_blue_green(policy, counts), names, timeout_s)


def _blue_green(policy: dict[str, Any], counts: Counts) -> tuple[Stage, ...]:
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    wait_s = float(routing.get("WaitIntervalInSeconds", 0))
    bake_s = float(policy.get("TerminationWaitInSeconds", 0))
    full = Stage(dict(counts), bake_s, "TerminationWaitInSeconds", "full capacity")
    if routing["Type"] == "CANARY":
        size = _sizes(routing, "CanarySize", counts)
        return (Stage(size, wait_s, "WaitIntervalInSeconds", "canary capacity"), full)
    if routing["Type"] == "LINEAR":
        return (*_steps(_sizes(routing, "LinearStepSize", counts), counts, wait_s), full)
    return (full,)


def _rolling(policy: dict[str, Any], counts: Counts) -> tuple[Stage, ...]:
    if len(counts) > 1:
        raise validation_error("RollingUpdatePolicy is not supported for endpoints with multiple variants.")
    wait_s = float(policy["WaitIntervalInSeconds"])
    steps = _steps(_sizes(policy, "MaximumBatchSize", counts), counts, wait_s)
    return (*steps, Stage(dict(counts), wait_s, "WaitIntervalInSeconds", "full capacity"))


def _steps(sizes: Counts, counts: Counts, wait_s: float) -> list[Stage]:
    """The steps before the last one, which turns everything on. The slowest variant sets their number."""
    number = max((math.ceil(counts[name] / sizes[name]) for name in counts), default=1)
    return [
        Stage(
            {name: min(counts[name], sizes[name] * step) for name in counts},
            wait_s,
            "WaitIntervalInSeconds",
            "partial capacity",
        )
        for step in range(1, number)
    ]


def _sizes(policy: dict[str, Any], member: str, counts: Counts) -> Counts:
    size = policy.get(member)
    if size is None:
        raise validation_error(f"{member} is required for the traffic routing type {policy.get('Type')}.")
    return {name: _size(member, size, name, count) for name, count in counts.items()}


def _size(member: str, size: dict[str, Any], variant_name: str, count: int) -> int:
    """Instances of one variant; a percentage is rounded down to at least one instance."""
    value, is_percent = int(size["Value"]), size["Type"] == "CAPACITY_PERCENT"
    instances = max(1, math.floor(count * value / 100)) if is_percent else value
    share = value / 100 if is_percent else value / count
    if share > _LARGEST_SHARE or instances > count * _LARGEST_SHARE:
        raise _refused(member, size, f"less than or equal to {_LARGEST_SHARE:.0%}", variant_name, count)
    least = _SMALLEST_SHARE.get(member, 0.0)
    if share < least:
        raise _refused(member, size, f"at least {least:.0%}", variant_name, count)
    return instances


def _refused(member: str, size: dict[str, Any], bound: str, variant_name: str, count: int) -> ServiceError:
    return validation_error(
        f"{member} {size['Value']} ({size['Type']}) must be {bound} of the total instance count of variant "
        f"{variant_name}, which is {count}."
    )
