"""Alarms by CloudWatch's own rules: exact dimensions, periods, M out of N, missing data; and nobody has to ask."""

from __future__ import annotations

import time
from typing import Any

import pytest

from endpoints.local.alarms import AlarmWatch, judge, statistic
from endpoints.local.cloudwatch import Alarm, Datum, MemoryCloudWatch, Point, TimeScale
from tests.support.waiting import eventually

NOW_S = 1_000_000.0
DIMENSIONS = {"EndpointName": "chat", "VariantName": "primary"}


def alarm(**more: Any) -> Alarm:
    return {
        "AlarmName": "errors",
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": name, "Value": value} for name, value in DIMENSIONS.items()],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
    } | more


def datum(value: float, at_s: float, *, dimensions: dict[str, str] = DIMENSIONS) -> Datum:
    return Datum("AWS/SageMaker", "Invocation5XXErrors", dimensions, value, "None", at_s)


def state(periods: str, *, time_scale: float = 1.0, **more: Any) -> str | None:
    """The verdict over periods, the oldest first: X breaches, 0 does not, - has no data."""
    cloudwatch = MemoryCloudWatch()
    for age, mark in enumerate(reversed(periods)):
        if mark != "-":
            at_s = NOW_S - (age + 0.5) * 60 / time_scale
            cloudwatch.put([datum(float(mark == "X"), at_s)])
    verdict = judge(alarm(**more), cloudwatch, NOW_S, TimeScale(time_scale))
    return verdict[0] if verdict else None


@pytest.mark.parametrize(
    ("periods", "missing", "breaching", "not_breaching", "ignore"),
    [  # the columns of CloudWatch's "how alarms treat missing data", for three of three
        ("XXX", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("0XX", "OK", "OK", "OK", "OK"),
        ("-X-", "ALARM", "ALARM", "OK", None),
        ("0--", "OK", "OK", "OK", "OK"),
        ("---", "INSUFFICIENT_DATA", "ALARM", "OK", None),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    periods: str, missing: str, breaching: str, not_breaching: str, ignore: str | None
) -> None:
    assert state(periods) == missing
    assert state(periods, TreatMissingData="breaching") == breaching
    assert state(periods, TreatMissingData="notBreaching") == not_breaching
    assert state(periods, TreatMissingData="ignore") == ignore


@pytest.mark.parametrize(("periods", "expected"), [("X0X", "ALARM"), ("X00", "OK"), ("XX0", "ALARM")])
def test_some_of_the_periods_can_be_enough(periods: str, expected: str) -> None:
    assert state(periods, DatapointsToAlarm=2) == expected


def test_periods_shrink_with_the_time_scale() -> None:
    assert state("0XXX", time_scale=60) == "ALARM"
    assert state("XXX0", time_scale=60) == "OK"


def test_only_the_metric_with_exactly_the_alarms_dimensions_counts() -> None:
    cloudwatch = MemoryCloudWatch()
    other = DIMENSIONS | {"VariantName": "alternative"}
    cloudwatch.put([datum(1.0, NOW_S - age_s, dimensions=other) for age_s in (30, 90, 150)])

    assert judge(alarm(TreatMissingData="notBreaching"), cloudwatch, NOW_S, TimeScale()) is not None
    assert state("---") == "INSUFFICIENT_DATA"
    verdict = judge(alarm(), cloudwatch, NOW_S, TimeScale())
    assert verdict is not None
    assert verdict[0] == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sum", 14.0),
        ("Average", 2.8),
        ("Minimum", 1.0),
        ("Maximum", 9.0),
        ("SampleCount", 5.0),
        ("p80", 2.0),
        ("p95", 9.0),
    ],
)
def test_statistics_weigh_values_by_their_count(name: str, expected: float) -> None:
    points = [Point(NOW_S, 1.0, 3), Point(NOW_S, 9.0, 1), Point(NOW_S, 2.0, 1)]

    assert statistic(name, points) == pytest.approx(expected)


@pytest.mark.parametrize(
    "more",
    [
        {"Statistic": None, "ExtendedStatistic": "tm90"},
        {"Statistic": None, "ExtendedStatistic": "IQM"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"MetricName": None, "Metrics": []},
    ],
)
def test_an_alarm_that_cannot_be_evaluated_keeps_its_state(more: dict[str, Any]) -> None:
    assert state("XXX", **more) is None


def test_an_alarm_rings_and_recovers_although_nobody_asks() -> None:
    cloudwatch = MemoryCloudWatch()
    cloudwatch.put_alarm(alarm(Statistic=None, ExtendedStatistic="tm90") | {"AlarmName": "a trimmed mean"})
    cloudwatch.put_alarm(alarm(EvaluationPeriods=1, TreatMissingData="notBreaching"))
    watch = AlarmWatch(cloudwatch, TimeScale(200))
    watch.start()

    cloudwatch.put([datum(1.0, time.time())])

    eventually(lambda: cloudwatch.alarm_states()["errors"] == "ALARM")
    eventually(lambda: cloudwatch.alarm_states()["errors"] == "OK")
    watch.close()
