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
            attempts: dict[str, str] = {}
            while not self._all_settled(attempts) and not self._closing.wait(_RETRY_S):
                pass

    def _all_settled(self, attempts: dict[str, str]) -> bool:
        """Look at every target once. `attempts`: the activity that was begun for a resource id."""
        with self._state.lock:
            targets = list(self._state.targets.values())
        outcomes = [self._settled(target, attempts) for target in targets]
        return all(outcomes)

    def _settled(self, target: Row, attempts: dict[str, str]) -> bool:
        """True when the variant is within its bounds, or one attempt to bring it there has failed."""
        resource_id = target["ResourceId"]
        try:
            variant = scaled_variant(self._sagemaker, resource_id)
            if variant.endpoint_status in IN_PROGRESS:
                return False
            with self._state.lock:
                wish = self._wishes.get(resource_id)
            goal = bounded(target, wish.count if wish else variant.desired_count)
            within = goal == variant.desired_count
            if within or resource_id in attempts:
                self._end(resource_id, attempts.pop(resource_id, None), successful=within)
                return True
            self._set(variant, goal)
        except ServiceError as error:
            if "in-progress" in error.message:
                return False
            _log.warning("%s is not scaled: %s", resource_id, error)
            self._end(resource_id, None, successful=False)
            return True
        bound = "minimum" if goal > variant.desired_count else "maximum"
        cause = wish.cause if wish else f"{bound} capacity was set to {goal}"
        attempts[resource_id] = self._begin(target, cause, goal)
        return False

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

    def _end(self, resource_id: str, activity_id: str | None, *, successful: bool) -> None:
        with self._state.changing():
            self._wishes.pop(resource_id, None)
            activity = self._state.activities.get(activity_id or "")
            if activity is not None:
                outcome = (
                    "Change successfully fulfilled by sagemaker." if successful else "The change failed."
                )
                activity["StatusCode"] = "Successful" if successful else "Failed"
                activity["StatusMessage"] = f"{activity['Description']} {outcome}"
                activity["EndTime"] = now_s()
