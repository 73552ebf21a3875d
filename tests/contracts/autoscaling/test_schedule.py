"""Schedule expressions and the arithmetic of scaling, without any service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from endpoints.local.autoscaling.adjustment import step_count, tracked_count
from endpoints.local.autoscaling.schedule import parse_schedule
from endpoints.local.protocol import ServiceError

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
CREATED = MONDAY


def due_times(expression: str, *, timezone: str | None = None, days: int = 1) -> list[str]:
    """When an action is due, looked at every half minute from Monday on."""
    due = parse_schedule(expression, timezone, CREATED)
    looks = [MONDAY + timedelta(seconds=30 * i) for i in range(days * 2880 + 1)]
    return [f"{until:%a %H:%M:%S}" for after, until in pairwise(looks) if due(after, until)]


@pytest.mark.parametrize(
    ("expression", "timezone", "expected"),
    [
        ("at(2026-11-16T08:30:00)", None, ["Mon 08:30:00"]),
        ("at(2026-11-16T08:30:00)", "Europe/Berlin", ["Mon 07:30:00"]),
        ("at(2026-11-15T08:30:00)", None, []),
        ("cron(0 8 * * ? *)", None, ["Mon 08:00:00"]),
        ("cron(0 8 * * ? *)", "America/New_York", ["Mon 13:00:00"]),
        (
            "cron(15,45 20-21 ? * MON-FRI *)",
            None,
            ["Mon 20:15:00", "Mon 20:45:00", "Mon 21:15:00", "Mon 21:45:00"],
        ),
        ("cron(0 0/8 * NOV ? 2026)", None, ["Mon 08:00:00", "Mon 16:00:00", "Tue 00:00:00"]),
        ("cron(0 8 ? * SAT,SUN *)", None, []),
        ("cron(0 8 16 11 ? *)", None, ["Mon 08:00:00"]),
        ("rate(8 hours)", None, ["Mon 08:00:00", "Mon 16:00:00", "Tue 00:00:00"]),
        ("rate(1 day)", None, ["Tue 00:00:00"]),
    ],
)
def test_an_expression_is_due_when_it_says(
    expression: str, timezone: str | None, expected: list[str]
) -> None:
    assert due_times(expression, timezone=timezone) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "tomorrow",
        "at(noon)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "rate(99999999999999999999 days)",
        "cron(* * *)",
        "cron(61 8 * * ? *)",
        "cron(0-999999999999 8 * * ? *)",
        "cron(30-10 8 * * ? *)",
        "cron(0,61 8 * * ? *)",
        "cron(0 8 L * ? *)",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ServiceError, match="Invalid schedule expression"):
        parse_schedule(expression, None, CREATED)


def test_an_unknown_timezone_is_refused() -> None:
    with pytest.raises(ServiceError, match="Timezone Moon/Tycho is not valid"):
        parse_schedule("rate(1 day)", "Moon/Tycho", CREATED)


@pytest.mark.parametrize(
    ("value", "current", "expected"), [(10.0, 3, 3), (10.1, 3, 4), (25.0, 2, 5), (3.0, 3, 1), (0.0, 3, 1)]
)
def test_tracking_wants_the_count_at_which_the_metric_meets_its_target(
    value: float, current: int, expected: int
) -> None:
    assert tracked_count({"TargetValue": 10}, value, current) == expected


STEPS = [
    {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
    {"MetricIntervalUpperBound": -5, "ScalingAdjustment": -2},
]


@pytest.mark.parametrize(
    ("breach", "expected"), [(0.0, 5), (9.9, 5), (10.0, 6), (99.0, 6), (-4.0, None), (-5.0, 2), (-50.0, 2)]
)
def test_a_step_covers_its_side_of_the_threshold(breach: float, expected: int | None) -> None:
    assert step_count({"StepAdjustments": STEPS}, breach, 4) == expected


@pytest.mark.parametrize(
    ("kind", "more", "adjustment", "expected"),
    [
        ("ExactCapacity", {}, 7, 7),
        ("PercentChangeInCapacity", {}, 50, 6),
        ("PercentChangeInCapacity", {}, 10, 5),
        ("PercentChangeInCapacity", {"MinAdjustmentMagnitude": 3}, 10, 7),
        ("PercentChangeInCapacity", {}, -50, 2),
        ("ChangeInCapacity", {}, -9, 0),
    ],
)
def test_adjustments_are_of_three_kinds(
    kind: str, more: dict[str, Any], adjustment: int, expected: int
) -> None:
    step = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}

    assert step_count({"AdjustmentType": kind, "StepAdjustments": [step]} | more, 1.0, 4) == expected
