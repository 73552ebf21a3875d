"""Keeps every registered variant's instance count within its target's bounds."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import Any

from endpoints.local.autoscaling.state import Row, State, now_s
from endpoints.local.autoscaling.targets import describe_variant
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker import SageMaker

_log = logging.getLogger(__name__)
_RETRY_S = 0.2
_MAX_ACTIVITIES = 200


class CapacityKeeper:
    """One background thread. SageMaker refuses a change while an endpoint is being changed: it tries again."""

    def __init__(self, state: State, sagemaker: SageMaker) -> None:
        self._state = state
        self._sagemaker = sagemaker
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

    def close(self) -> None:
        self._closing.set()
        self._wake.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            while self._targets_out_of_bounds() and not self._closing.wait(_RETRY_S):
                pass

    def _targets_out_of_bounds(self) -> bool:
        """Try every target once; True while one of them has to be tried again."""
        with self._state.lock:
            targets = list(self._state.targets.values())
        outcomes = [self._within_bounds(target) for target in targets]
        return not all(outcomes)

    def _within_bounds(self, target: Row) -> bool:
        try:
            variant = describe_variant(self._sagemaker, target["ResourceId"])
            desired = variant["DesiredInstanceCount"]
            bounded = min(max(desired, target["MinCapacity"]), target["MaxCapacity"])
            if bounded == desired:
                return True
            self._set(target, variant["VariantName"], bounded)
        except ServiceError as error:
            if "in-progress" in error.message:
                return False
            _log.warning("%s is not scaled: %s", target["ResourceId"], error)
            return True
        self._record(target, "minimum" if bounded > desired else "maximum", bounded)
        return False  # look again: the count may be refused or changed meanwhile

    def _set(self, target: Row, variant_name: str, count: int) -> None:
        endpoint_name = target["ResourceId"].split("/")[1]
        wanted: dict[str, Any] = {"VariantName": variant_name, "DesiredInstanceCount": count}
        self._sagemaker.call(
            "UpdateEndpointWeightsAndCapacities",
            {"EndpointName": endpoint_name, "DesiredWeightsAndCapacities": [wanted]},
        )

    def _record(self, target: Row, bound: str, count: int) -> None:
        activity = {
            name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")
        } | {
            "ActivityId": str(uuid.uuid4()),
            "Description": f"Setting desired instance count to {count}.",
            "Cause": f"{bound} capacity was set to {count}",
            "StartTime": now_s(),
            "EndTime": now_s(),
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired instance count to {count}. "
            "Change successfully fulfilled by sagemaker.",
        }
        with self._state.changing():
            self._state.activities[activity["ActivityId"]] = activity
            for old in list(self._state.activities)[:-_MAX_ACTIVITIES]:
                del self._state.activities[old]
