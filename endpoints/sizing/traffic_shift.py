"""How an update moves traffic to the new fleet: chosen from the fleets' sizes, with the reason. Pure.

SageMaker's blue/green rules: a canary is at most half of a fleet, a linear step 10 to 50 percent of it; both need
two instances in every fleet. Rolling updates exclude endpoints with several variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LINEAR_FROM_INSTANCES = 4  # below that a step of a quarter is less than an instance
LINEAR_STEP_PERCENT = 25
CANARY_INSTANCES = 1


class ShiftKind(StrEnum):
    """SageMaker's names of `TrafficRoutingConfig.Type`."""

    ALL_AT_ONCE = "ALL_AT_ONCE"
    CANARY = "CANARY"
    LINEAR = "LINEAR"


@dataclass(frozen=True)
class TrafficShift:
    """`size` is instances for a canary, percent of capacity for a linear step, None for all at once."""

    kind: ShiftKind
    size: int | None
    why: str


def traffic_shift(instances_by_variant: Mapping[str, int]) -> TrafficShift:
    """The most careful shift that the smallest fleets allow."""
    smallest = min(instances_by_variant, key=lambda variant: instances_by_variant[variant])
    count = instances_by_variant[smallest]
    if count >= LINEAR_FROM_INSTANCES:
        return TrafficShift(
            ShiftKind.LINEAR,
            LINEAR_STEP_PERCENT,
            f"linear, {LINEAR_STEP_PERCENT} percent a step: every fleet has at least {count} instances",
        )
    if count >= 2 * CANARY_INSTANCES:
        return TrafficShift(
            ShiftKind.CANARY,
            CANARY_INSTANCES,
            f"canary of {CANARY_INSTANCES} instance: every fleet has at least {count}, "
            "so it is at most half of one",
        )
    return TrafficShift(
        ShiftKind.ALL_AT_ONCE,
        None,
        f"all at once, then a bake: the {smallest} fleet has {count} instance, and a canary may be at most half of it",
    )
