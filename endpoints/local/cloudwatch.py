"""What the embedded SageMaker and Application Auto Scaling need of CloudWatch: metrics in, alarms out.

`MemoryCloudWatch` stands alone; `ministack_cloudwatch` is the one that a person's CloudWatch client sees.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Alarm = dict[str, Any]  # PutMetricAlarm's members, and StateValue
MetricKey = tuple[str, str, tuple[tuple[str, str], ...]]  # namespace, name, sorted dimensions


@dataclass(frozen=True)
class TimeScale:
    """How many times faster than on AWS the waits of deployments, alarms and scaling pass. 1 is real time."""

    factor: float = 1.0

    def wait_s(self, aws_s: float) -> float:
        """The seconds here that stand for so many seconds on AWS."""
        return aws_s / self.factor


@dataclass(frozen=True)
class Datum:
    """One value of a metric, observed `count` times around `at_s` (seconds since the epoch)."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float
    unit: str
    at_s: float
    count: float = 1.0

    @property
    def key(self) -> MetricKey:
        return metric_key(self.namespace, self.name, self.dimensions)


@dataclass(frozen=True)
class Point:
    """A stored value: `count` observations of `value`."""

    at_s: float
    value: float
    count: float = 1.0


class CloudWatch(Protocol):
    """Thread-safe. Nothing here waits."""

    def put(self, data: Sequence[Datum]) -> None:
        """Store metric values."""

    def points(self, namespace: str, name: str, dimensions: Mapping[str, str], since_s: float) -> list[Point]:
        """The values of exactly that metric since then, in no particular order."""

    def alarms(self) -> list[Alarm]:
        """Every metric alarm, with its StateValue."""

    def alarm_states(self) -> dict[str, str]:
        """The state of every alarm, composite ones included, by name."""

    def put_alarm(self, alarm: Alarm) -> None:
        """Create an alarm or replace its configuration; its state stays."""

    def delete_alarm(self, name: str) -> None:
        """Unknown names are ignored."""

    def set_alarm_state(self, name: str, state: str, reason: str) -> None:
        """Change an alarm's state, with the actions that hang on it."""


class MemoryCloudWatch:
    """Keeps everything in memory and has no actions; for an embedded SageMaker without ministack."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: dict[MetricKey, list[Point]] = defaultdict(list)
        self._alarms: dict[str, Alarm] = {}

    def put(self, data: Sequence[Datum]) -> None:
        with self._lock:
            for datum in data:
                self._points[datum.key].append(Point(datum.at_s, datum.value, datum.count))

    def points(self, namespace: str, name: str, dimensions: Mapping[str, str], since_s: float) -> list[Point]:
        with self._lock:
            stored = self._points.get(metric_key(namespace, name, dimensions), [])
            return [point for point in stored if point.at_s >= since_s]

    def alarms(self) -> list[Alarm]:
        with self._lock:
            return [dict(alarm) for alarm in self._alarms.values()]

    def alarm_states(self) -> dict[str, str]:
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in self.alarms()}

    def put_alarm(self, alarm: Alarm) -> None:
        with self._lock:
            known = self._alarms.get(alarm["AlarmName"], {})
            state = known.get("StateValue", "INSUFFICIENT_DATA")
            self._alarms[alarm["AlarmName"]] = {"StateValue": state} | alarm

    def delete_alarm(self, name: str) -> None:
        with self._lock:
            self._alarms.pop(name, None)

    def set_alarm_state(self, name: str, state: str, reason: str) -> None:
        with self._lock:
            if name in self._alarms:
                self._alarms[name] |= {"StateValue": state, "StateReason": reason}


def metric_key(namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricKey:
    """A metric is its namespace, its name and the exact set of its dimensions."""
    return namespace, name, tuple(sorted(dimensions.items()))


def dimensions_of(alarm: Alarm) -> dict[str, str]:
    """An alarm's dimensions as a mapping."""
    return {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []}
