"""Carries out scheduled actions: at their time the bounds of their target change. Wall-clock time is never scaled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from endpoints.local.autoscaling.schedule import parse_schedule
from endpoints.local.autoscaling.state import Row, State
from endpoints.local.protocol import ServiceError

_log = logging.getLogger(__name__)
_TICK_S = 0.5


class Scheduler:
    """One daemon thread that looks twice a second for what has become due."""

    def __init__(self, state: State, set_bounds: Callable[[str, Row], None]) -> None:
        self._state = state
        self._set_bounds = set_bounds
        self._looked = datetime.now(UTC)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="autoscaling schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.wait(_TICK_S):
            self.run_due(datetime.now(UTC))

    def run_due(self, now: datetime) -> None:
        """Carry out what became due since the last look."""
        after, self._looked = self._looked, now
        with self._state.lock:
            actions = list(self._state.actions.values())
        for action in actions:
            if _is_due(action, after, now):
                self._carry_out(action)

    def _carry_out(self, action: Row) -> None:
        resource_id = action["ResourceId"]
        try:
            with self._state.lock:
                target = self._state.targets.get(resource_id)
            if target is not None and not target["SuspendedState"]["ScheduledScalingSuspended"]:
                _log.info("scheduled action %s of %s", action["ScheduledActionName"], resource_id)
                self._set_bounds(resource_id, dict(action.get("ScalableTargetAction", {})))
        except (KeyError, ServiceError) as error:  # the target has gone, or the bounds contradict each other
            _log.warning("scheduled action %s: %s", action["ScheduledActionName"], error)


def _is_due(action: Row, after: datetime, now: datetime) -> bool:
    start, end = action.get("StartTime"), action.get("EndTime")
    if (start is not None and now.timestamp() < start) or (end is not None and now.timestamp() > end):
        return False
    created = datetime.fromtimestamp(action["CreationTime"], UTC)
    return parse_schedule(action["Schedule"], action.get("Timezone"), created)(after, now)
