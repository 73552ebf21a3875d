"""Brings every registered variant to the count that its policies want, within its target's bounds."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from endpoints.local.autoscaling.state import Row, State, now_s
from endpoints.local.autoscaling.targets import ScaledVariant, scaled_variant
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.records import IN_PROGRESS

_log = logging.getLogger(__name__)
_RETRY_S = 0.2
_MAX_ACTIVITIES = 200


@dataclass(frozen=True)
class Wish:
    """A count that a policy asks for, and the cause that its scaling activity names."""

    count: int
    cause: str


@dataclass(frozen=True)
class _Attempt:
    """A change that SageMaker has accepted: its scaling activity, and the count it is on its way to."""

    activity_id: str
    count: int
    wish: Wish | None


def bounded(target: Row, count: int) -> int:
    """A count within the bounds of a scalable target."""
    return min(max(count, int(target["MinCapacity"])), int(target["MaxCapacity"]))


class CapacityKeeper:
    """One background thread. SageMaker refuses a change while an endpoint is being changed: it tries again."""

    def __init__(self, state: State, sagemaker: SageMaker) -> None:
        self._state = state
        self._sagemaker = sagemaker
        self._wishes: dict[str, Wish] = {}  # by resource id; what a policy has computed
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Have the bounds checked soon; returns at once."""
        self._wake.set()
        with self._state.lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="autoscaling capacity", daemon=True)
                self._thread.start()

    def want(self, resource_id: str, wish: Wish) -> None:
        """Have a variant scaled to a count within its bounds soon; returns at once."""
        with self._state.lock:
            self._wishes[resource_id] = wish
        self.check()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            attempts: dict[str, _Attempt] = {}
            while not self._all_settled(attempts) and not self._closing.wait(_RETRY_S):
                pass

    def _all_settled(self, attempts: dict[str, _Attempt]) -> bool:
        """Look at every target once. `attempts`: what was begun for a resource id."""
        with self._state.lock:
            targets = list(self._state.targets.values())
        outcomes = [self._settled(target, attempts) for target in targets]
        return all(outcomes)

    def _settled(self, target: Row, attempts: dict[str, _Attempt]) -> bool:
        """True when the variant is within its bounds, or one attempt to bring it there has failed."""
        resource_id = target["ResourceId"]
        with self._state.lock:
            wish = self._wishes.get(resource_id)
        try:
            variant = scaled_variant(self._sagemaker, resource_id)
            if variant.endpoint_status in IN_PROGRESS:
                return False
            attempt = attempts.pop(resource_id, None)
            if attempt is not None:
                self._end(resource_id, attempt, successful=variant.desired_count == attempt.count)
                return wish is attempt.wish  # another wish came meanwhile: it has its own attempt
            goal = bounded(target, wish.count if wish else variant.desired_count)
            if goal == variant.desired_count:
                self._forget(resource_id, wish)
                return True
            self._set(variant, goal)
        except ServiceError as error:
            if "in-progress" in error.message:
                return False
            _log.warning("%s is not scaled: %s", resource_id, error)
            self._give_up(resource_id, attempts.pop(resource_id, None), wish)
            return True
        bound = "minimum" if goal > variant.desired_count else "maximum"
        cause = wish.cause if wish else f"{bound} capacity was set to {goal}"
        attempts[resource_id] = _Attempt(self._begin(target, cause, goal), goal, wish)
        return False

    def _give_up(self, resource_id: str, attempt: _Attempt | None, wish: Wish | None) -> None:
        if attempt is not None:
            self._end(resource_id, attempt, successful=False)
        self._forget(resource_id, wish)

    def _forget(self, resource_id: str, wish: Wish | None) -> None:
        """Drop a wish that is done with, but no newer one."""
        with self._state.lock:
            if self._wishes.get(resource_id) is wish:
                self._wishes.pop(resource_id, None)

    def _set(self, variant: ScaledVariant, count: int) -> None:
        wanted: dict[str, Any] = {"VariantName": variant.variant_name, "DesiredInstanceCount": count}
        self._sagemaker.call(
            "UpdateEndpointWeightsAndCapacities",
            {"EndpointName": variant.endpoint_name, "DesiredWeightsAndCapacities": [wanted]},
        )

    def _begin(self, target: Row, cause: str, count: int) -> str:
        activity = {
            name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")
        } | {
            "ActivityId": str(uuid.uuid4()),
            "Description": f"Setting desired instance count to {count}.",
            "Cause": cause,
            "StartTime": now_s(),
            "StatusCode": "InProgress",
            "StatusMessage": f"Successfully set desired instance count to {count}. Waiting for change to be fulfilled.",
        }
        with self._state.changing():
            self._state.activities[activity["ActivityId"]] = activity
            for old in list(self._state.activities)[:-_MAX_ACTIVITIES]:
                del self._state.activities[old]
        return str(activity["ActivityId"])

    def _end(self, resource_id: str, attempt: _Attempt, *, successful: bool) -> None:
        self._forget(resource_id, attempt.wish)
        with self._state.changing():
            activity = self._state.activities.get(attempt.activity_id)
            if activity is not None:
                outcome = (
                    "Change successfully fulfilled by sagemaker." if successful else "The change failed."
                )
                activity["StatusCode"] = "Successful" if successful else "Failed"
                activity["StatusMessage"] = f"{activity['Description']} {outcome}"
                activity["EndTime"] = now_s()
