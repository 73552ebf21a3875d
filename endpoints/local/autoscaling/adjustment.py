"""From a metric's value to an instance count: the arithmetic of target tracking and of step scaling. Pure."""

from __future__ import annotations

import math
from typing import Any

_AT_MOST_DIGITS = 6  # so that 3 instances at exactly the target stay 3 instances


def tracked_count(configuration: dict[str, Any], value: float, current: int) -> int:
    """The count at which the metric, spread over the instances, would be at its target; at least one."""
    wanted = current * value / float(configuration["TargetValue"])
    return max(1, math.ceil(round(wanted, _AT_MOST_DIGITS)))


def step_count(configuration: dict[str, Any], breach: float, current: int) -> int | None:
    """The count that the step for so large a breach of the threshold asks for; None where there is no step."""
    step = next((s for s in configuration.get("StepAdjustments", ()) if _covers(s, breach)), None)
    if step is None:
        return None
    adjustment = int(step["ScalingAdjustment"])
    kind = configuration.get("AdjustmentType", "ChangeInCapacity")
    if kind == "ExactCapacity":
        return adjustment
    if kind == "PercentChangeInCapacity":
        adjustment = _percent(current, adjustment, int(configuration.get("MinAdjustmentMagnitude", 1)))
    return max(0, current + adjustment)


def _covers(step: dict[str, Any], breach: float) -> bool:
    """The bound nearer to the threshold belongs to the step, the other one to the next."""
    low = float(step.get("MetricIntervalLowerBound", -math.inf))
    high = float(step.get("MetricIntervalUpperBound", math.inf))
    return low <= breach < high if breach >= 0 else low < breach <= high


def _percent(current: int, percent: int, least: int) -> int:
    change = math.trunc(current * percent / 100)
    return int(math.copysign(max(abs(change), least, 1), percent))
