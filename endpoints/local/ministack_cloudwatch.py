"""ministack's CloudWatch as the embedded SageMaker uses it: in the same process, without HTTP.

Reads look a key up or copy a list, which the interpreter does in one step; everything that changes ministack's
state runs on its event loop, where its own handlers run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from endpoints.local import ministack_private as ministack
from endpoints.local.cloudwatch import Alarm, Datum, Point, TimeScale

_log = logging.getLogger(__name__)
_OWN_NAMESPACES = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
_KEPT_S = 3600.0  # on AWS; what the embedded SageMaker publishes is kept for so long, to bound memory
_LEAST_KEPT_S = 120.0
_TRIM_INTERVAL_S = 30.0


class MinistackCloudWatch:
    """A `CloudWatch` of one account and region. `bind` it to the event loop when that runs."""

    def __init__(self, region: str, time_scale: TimeScale) -> None:
        self._region = region
        self._kept_s = max(_LEAST_KEPT_S, time_scale.wait_s(_KEPT_S))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trim_at_s = 0.0

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on changes run on this loop, in the order in which they were asked for."""
        self._loop = loop

    def put(self, data: Sequence[Datum]) -> None:
        self._on_loop(lambda: self._put(data))

    def points(self, namespace: str, name: str, dimensions: Mapping[str, str], since_s: float) -> list[Point]:
        stored = ministack.metric_points(self._region, namespace, name, dimensions)
        return [
            Point(point["Timestamp"], float(point["Value"]), float(point.get("Count", 1.0)))
            for point in stored
            if point["Timestamp"] >= since_s
        ]

    def alarms(self) -> list[Alarm]:
        return ministack.metric_alarms(self._region)

    def alarm_states(self) -> dict[str, str]:
        return ministack.alarm_states(self._region)

    def put_alarm(self, alarm: Alarm) -> None:
        self._on_loop(lambda: ministack.put_metric_alarm(self._region, alarm))

    def delete_alarm(self, name: str) -> None:
        self._on_loop(lambda: ministack.delete_metric_alarm(self._region, name))

    def set_alarm_state(self, name: str, state: str, reason: str) -> None:
        self._on_loop(lambda: ministack.set_alarm_state(self._region, name, state, reason))

    def _put(self, data: Sequence[Datum]) -> None:
        for datum in data:
            ministack.put_metric_datum(self._region, datum)
        now_s = time.time()
        if now_s >= self._trim_at_s:
            self._trim_at_s = now_s + _TRIM_INTERVAL_S
            ministack.forget_metrics(self._region, _OWN_NAMESPACES, before_s=now_s - self._kept_s)

    def _on_loop(self, change: Callable[[], None]) -> None:
        if self._loop is None or self._loop.is_closed():
            return  # not started yet, or over
        self._loop.call_soon_threadsafe(_attempt, change)


def _attempt(change: Callable[[], None]) -> None:
    try:
        change()
    except Exception:  # noqa: BLE001 -- a callback of the loop has nobody to raise to
        _log.exception("CloudWatch was not changed")
