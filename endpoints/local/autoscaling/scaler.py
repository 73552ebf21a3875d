"""Acts on the alarms of scaling policies: target tracking and steps, with cooldowns and scale-in protection."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from endpoints.local.alarms import latest_value
from endpoints.local.autoscaling.adjustment import step_count, tracked_count
from endpoints.local.autoscaling.capacity import Wish, bounded
from endpoints.local.autoscaling.state import Row, State
from endpoints.local.autoscaling.targets import scaled_variant
from endpoints.local.cloudwatch import Alarm
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker import SageMaker

_log = logging.getLogger(__name__)
_DEFAULT_COOLDOWN_S = 300.0  # Application Auto Scaling's, for SageMaker variants
_SHORTEST_TICK_S = 0.1


@dataclass(frozen=True)
class _Proposal:
    """What one policy would do because one of its alarms rings."""

    policy: Row
    count: int
    cause: str


class PolicyScaler:
    """One daemon thread. It leaves an endpoint alone that is being changed, as the service does."""

    def __init__(self, state: State, sagemaker: SageMaker, want: Callable[[str, Wish], None]) -> None:
        self._state = state
        self._sagemaker = sagemaker
        self._want = want
        self._acted_s: dict[tuple[str, str], float] = {}  # by policy ARN and direction
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="autoscaling policies", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def _work(self) -> None:
        tick_s = max(_SHORTEST_TICK_S, min(1.0, self._sagemaker.time_scale.wait_s(10)))
        while not self._closing.wait(tick_s):
            try:
                self._look()
            except Exception:  # noqa: BLE001 -- one policy that cannot be carried out must not end scaling
                _log.exception("scaling policies were not carried out")

    def _look(self) -> None:
        with self._state.lock:
            targets = list(self._state.targets.values())
            policies = list(self._state.policies.values())
        if not policies:
            return
        alarms = self._state.cloudwatch.alarms()
        for target in targets:
            own = [policy for policy in policies if policy["ResourceId"] == target["ResourceId"]]
            if own:
                self._scale(target, own, alarms)

    def _scale(self, target: Row, policies: list[Row], alarms: list[Alarm]) -> None:
        try:
            variant = scaled_variant(self._sagemaker, target["ResourceId"])
        except ServiceError:
            return  # the endpoint is going away
        if variant.endpoint_status != "InService":
            return
        current = variant.desired_count
        proposals = [
            proposal
            for policy in policies
            for proposal in self._proposals(policy, alarms, current)
            if bounded(target, proposal.count) != current
        ]
        chosen = self._chosen(target, policies, proposals, current)
        if chosen is not None:
            direction = "out" if chosen.count > current else "in"
            self._acted_s[(chosen.policy["PolicyARN"], direction)] = time.monotonic()
            self._want(target["ResourceId"], Wish(chosen.count, chosen.cause))

    def _chosen(
        self, target: Row, policies: list[Row], proposals: list[_Proposal], current: int
    ) -> _Proposal | None:
        """Out as far as any policy wants; in only when every tracking policy that may scale in wants to."""
        suspended = target["SuspendedState"]
        out = [p for p in proposals if p.count > current and self._cooled_down(p.policy, "out")]
        if out:
            return None if suspended["DynamicScalingOutSuspended"] else max(out, key=lambda p: p.count)
        lower = [p for p in proposals if p.count < current and self._cooled_down(p.policy, "in")]
        wanting = {p.policy["PolicyName"] for p in lower}
        if not lower or suspended["DynamicScalingInSuspended"]:
            return None
        if any(_may_scale_in(policy) and policy["PolicyName"] not in wanting for policy in policies):
            return None
        return max(lower, key=lambda p: p.count)

    def _proposals(self, policy: Row, alarms: list[Alarm], current: int) -> list[_Proposal]:
        ringing = [
            alarm
            for alarm in alarms
            if alarm["StateValue"] == "ALARM"
            and alarm.get("ActionsEnabled", True)
            and policy["PolicyARN"] in alarm.get("AlarmActions", ())
        ]
        return [p for alarm in ringing if (p := self._proposal(policy, alarm, current)) is not None]

    def _proposal(self, policy: Row, alarm: Alarm, current: int) -> _Proposal | None:
        value = latest_value(alarm, self._state.cloudwatch, time.time(), self._sagemaker.time_scale)
        if value is None:
            return None
        if policy["PolicyType"] == "TargetTrackingScaling":
            count = tracked_count(_configuration(policy), value, current)
            if (count > current) != (alarm["ComparisonOperator"] == "GreaterThanThreshold"):
                return None  # the metric has turned since the alarm rang
        else:
            stepped = step_count(_configuration(policy), value - float(alarm["Threshold"]), current)
            if stepped is None:
                return None
            count = stepped
        name = alarm["AlarmName"]
        cause = f"monitor alarm {name} in state ALARM triggered policy {policy['PolicyName']}"
        return _Proposal(policy, count, cause)

    def _cooled_down(self, policy: Row, direction: str) -> bool:
        cooldown_s = self._sagemaker.time_scale.wait_s(_cooldown_s(policy, direction))
        acted_s = self._acted_s.get((policy["PolicyARN"], direction))
        return acted_s is None or time.monotonic() >= acted_s + cooldown_s


def _cooldown_s(policy: Row, direction: str) -> float:
    names = {"out": "ScaleOutCooldown", "in": "ScaleInCooldown"}
    name = names[direction] if policy["PolicyType"] == "TargetTrackingScaling" else "Cooldown"
    return float(_configuration(policy).get(name, _DEFAULT_COOLDOWN_S))


def _may_scale_in(policy: Row) -> bool:
    return policy["PolicyType"] == "TargetTrackingScaling" and not _configuration(policy).get(
        "DisableScaleIn"
    )


def _configuration(policy: Row) -> dict[str, Any]:
    configuration: dict[str, Any] = policy[f"{policy['PolicyType']}PolicyConfiguration"]
    return configuration
