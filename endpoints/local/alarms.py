"""CloudWatch's rules for metric alarms, and the thread that applies them without anybody polling.

ministack evaluates an alarm over all dimensions of its metric, without single periods, and only when metrics are
put; rollbacks and scaling need more: exact dimensions, M out of N periods, missing data.
"""

from __future__ import annotations

import logging
import math
import operator
import re
import threading
import time
from collections.abc import Callable, Sequence

from endpoints.local.cloudwatch import Alarm, CloudWatch, Point, TimeScale, dimensions_of

_log = logging.getLogger(__name__)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTIC = re.compile(r"Sum|SampleCount|Average|Minimum|Maximum|p\d{1,2}(\.\d+)?|p100")
_HIGH_RESOLUTION_S = 60  # an alarm with a shorter period is evaluated every ten seconds, others every minute
_SHORTEST_TICK_S = 0.05


def judge(
    alarm: Alarm, cloudwatch: CloudWatch, now_s: float, time_scale: TimeScale
) -> tuple[str, str] | None:
    """The state that an alarm's metric asks for and why; None when it keeps the one it has. Reads only."""
    compare = _COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if compare is None or not alarm.get("MetricName") or not _STATISTIC.fullmatch(_statistic_of(alarm)):
        return None  # anomaly detection, metric math and trimmed statistics are not evaluated
    values = recent_values(alarm, cloudwatch, now_s, time_scale)
    threshold = float(alarm["Threshold"])
    present = [value for value in values if value is not None]
    breaching = sum(compare(value, threshold) for value in present)
    needed = int(alarm.get("DatapointsToAlarm") or len(values))
    state = _state(alarm.get("TreatMissingData") or "missing", len(values), len(present), breaching, needed)
    if state is None or state == "INSUFFICIENT_DATA":
        return (state, "Insufficient Data: no datapoints were received.") if state else None
    shown = ", ".join(f"{value:g}" for value in present) or "none received"
    reason = (
        f"Threshold Crossed: {breaching} out of the last {len(values)} datapoints [{shown}] "
        f"were {alarm['ComparisonOperator']} {threshold:g} (minimum {needed} datapoints for an alarm)."
    )
    return state, reason


def _state(missing: str, periods: int, present: int, breaching: int, needed: int) -> str | None:
    """CloudWatch's table "how alarms treat missing data"; None keeps the state."""
    if missing == "breaching":
        return "ALARM" if breaching + periods - present >= needed else "OK"
    if missing == "notBreaching":
        return "ALARM" if breaching >= needed else "OK"
    if missing == "ignore":
        decided = present - breaching > periods - needed
        return "ALARM" if breaching >= needed else ("OK" if decided else None)
    if not present:
        return "INSUFFICIENT_DATA"
    return "ALARM" if breaching >= min(needed, present) else "OK"


def recent_values(
    alarm: Alarm, cloudwatch: CloudWatch, now_s: float, time_scale: TimeScale
) -> list[float | None]:
    """The statistic of each of an alarm's latest periods, the newest first; None for a period without data."""
    period_s = time_scale.wait_s(float(alarm.get("Period") or 60))
    periods = int(alarm.get("EvaluationPeriods") or 1)
    points = cloudwatch.points(
        alarm["Namespace"], alarm["MetricName"], dimensions_of(alarm), now_s - period_s * periods
    )
    buckets: list[list[Point]] = [[] for _ in range(periods)]
    for point in points:
        index = int((now_s - point.at_s) / period_s)
        if 0 <= index < periods:
            buckets[index].append(point)
    return [statistic(_statistic_of(alarm), bucket) for bucket in buckets]


def _statistic_of(alarm: Alarm) -> str:
    return alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"


def latest_value(alarm: Alarm, cloudwatch: CloudWatch, now_s: float, time_scale: TimeScale) -> float | None:
    """The newest statistic of an alarm's metric within its evaluation range; None without data."""
    values = recent_values(alarm, cloudwatch, now_s, time_scale)
    return next((value for value in values if value is not None), None)


def statistic(name: str, points: Sequence[Point]) -> float | None:
    """A statistic or a percentile (p95) of stored points; None without points."""
    count = sum(point.count for point in points)
    if not count:
        return None
    total = sum(point.value * point.count for point in points)
    basic = {
        "Sum": total,
        "SampleCount": count,
        "Average": total / count,
        "Minimum": min(point.value for point in points),
        "Maximum": max(point.value for point in points),
    }
    return basic[name] if name in basic else _percentile(float(name.lstrip("p")) / 100, points, count)


def _percentile(share: float, points: Sequence[Point], count: float) -> float:
    rank = max(1, math.ceil(share * count))
    seen = 0.0
    ordered = sorted(points, key=lambda point: point.value)
    for point in ordered:
        seen += point.count
        if seen >= rank:
            return point.value
    return ordered[-1].value


class AlarmWatch:
    """Evaluates every alarm as often as CloudWatch does, in the time scale, from one daemon thread."""

    def __init__(self, cloudwatch: CloudWatch, time_scale: TimeScale) -> None:
        self._cloudwatch = cloudwatch
        self._time_scale = time_scale
        self._due_s: dict[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cloudwatch alarms", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def _watch(self) -> None:
        tick_s = max(_SHORTEST_TICK_S, min(1.0, self._time_scale.wait_s(10)))
        while not self._closing.wait(tick_s):
            try:
                self._evaluate_due(time.time())
            except Exception:  # noqa: BLE001 -- an alarm that cannot be read must not end the watch
                _log.exception("alarms were not evaluated")

    def _evaluate_due(self, now_s: float) -> None:
        alarms = {alarm["AlarmName"]: alarm for alarm in self._cloudwatch.alarms()}
        due_s = {name: self._due_s.get(name, 0.0) for name in alarms}  # those that are gone are forgotten
        self._due_s = due_s
        for name, alarm in alarms.items():
            if due_s[name] <= now_s:
                interval_s = 10.0 if float(alarm.get("Period") or 60) < _HIGH_RESOLUTION_S else 60.0
                due_s[name] = now_s + self._time_scale.wait_s(interval_s)
                self._evaluate(alarm, now_s)

    def _evaluate(self, alarm: Alarm, now_s: float) -> None:
        verdict = judge(alarm, self._cloudwatch, now_s, self._time_scale)
        if verdict is not None and verdict[0] != alarm.get("StateValue"):
            _log.info("alarm %s: %s -> %s", alarm["AlarmName"], alarm.get("StateValue"), verdict[0])
            self._cloudwatch.set_alarm_state(alarm["AlarmName"], *verdict)
