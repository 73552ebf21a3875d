"""Carries out the traffic stages of an update and watches its alarms. The fleets themselves are the deployer's."""

from __future__ import annotations

import threading
import time

from endpoints.local.cloudwatch import CloudWatch, TimeScale
from endpoints.local.sagemaker.deployment_config import Plan, Stage
from endpoints.local.sagemaker.records import Pending
from endpoints.local.sagemaker.registry import Registry

_SHORTEST_POLL_S = 0.05
_POLL_S = 1.0  # on AWS


class RolledBackError(Exception):
    """The deployment must go back. `reason` is a FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupted(Exception):
    """The embedded SageMaker is closing; the update stays where it is."""


class Rollout:
    """One deployment on its way."""

    def __init__(
        self,
        registry: Registry,
        cloudwatch: CloudWatch,
        time_scale: TimeScale,
        plan: Plan,
        closing: threading.Event,
    ) -> None:
        self._registry = registry
        self._cloudwatch = cloudwatch
        self._time_scale = time_scale
        self._plan = plan
        self._closing = closing
        self._deadline_s = time.monotonic() + time_scale.wait_s(plan.timeout_s)

    def shift(self, pending: Pending) -> None:
        """Shift the traffic stage by stage. Raises RolledBackError or Interrupted; the traffic is the caller's then."""
        self.check()
        for stage in self._plan.stages:
            self._activate(pending, stage)
            self._bake(pending, stage)

    def check(self) -> None:
        """Raise RolledBackError when an alarm rings, one is gone, or the deployment takes too long."""
        states = self._cloudwatch.alarm_states() if self._plan.alarm_names else {}
        ringing = [name for name in self._plan.alarm_names if states.get(name) == "ALARM"]
        if ringing:
            raise RolledBackError(
                "The deployment was rolled back because the following Amazon CloudWatch alarms in the "
                f"AutoRollbackConfiguration are in the ALARM state: {', '.join(ringing)}."
            )
        gone = [name for name in self._plan.alarm_names if name not in states]
        if gone:
            raise RolledBackError(
                "The deployment was rolled back because the following Amazon CloudWatch alarms in the "
                f"AutoRollbackConfiguration do not exist: {', '.join(gone)}."
            )
        if time.monotonic() > self._deadline_s:
            raise RolledBackError(
                "The deployment was rolled back because it exceeded MaximumExecutionTimeoutInSeconds "
                f"({self._plan.timeout_s:.0f})."
            )

    def _activate(self, pending: Pending, stage: Stage) -> None:
        with self._registry.changing():
            pending.active = dict(stage.active)
            pending.enter(
                "ActivatingTraffic",
                {
                    name: f"Activating traffic on {stage.capacity} of {count} instance(s)."
                    for name, count in stage.active.items()
                },
            )

    def _bake(self, pending: Pending, stage: Stage) -> None:
        if stage.wait_s:
            with self._registry.changing():
                pending.enter(
                    "Baking",
                    {
                        name: f"Baking for {stage.wait_s:.0f} seconds ({stage.wait_name}) with traffic enabled on "
                        f"{stage.capacity} of {count} instance(s)."
                        for name, count in stage.active.items()
                    },
                )
        end_s = time.monotonic() + self._time_scale.wait_s(stage.wait_s)
        poll_s = max(_SHORTEST_POLL_S, self._time_scale.wait_s(_POLL_S))
        while (left_s := end_s - time.monotonic()) > 0:
            if self._closing.wait(min(poll_s, left_s)):
                raise Interrupted
            self.check()
