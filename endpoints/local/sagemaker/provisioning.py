"""Instances for a fleet: within the account's quota, and as far as the region has capacity."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from endpoints.local.cloudwatch import TimeScale
from endpoints.local.faults import Faults
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker.records import Endpoint, Fleet, Variant
from endpoints.local.sagemaker.registry import Registry

_INSUFFICIENT_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry "
    "using a different ML instance type or after some time. Consider configuring InstancePools in your "
    "EndpointConfig with multiple instance types for priority-based fallback to improve capacity availability."
)
_RETRY_S = 0.05


class CapacityError(Exception):
    """No instance type of a variant has capacity left. `reason` is SageMaker's FailureReason."""

    reason = _INSUFFICIENT_CAPACITY


class Provisioner:
    """Chooses instance types. Thread-safe by the registry's lock."""

    def __init__(self, registry: Registry, faults: Faults, time_scale: TimeScale, *, quota: int) -> None:
        self._registry = registry
        self._faults = faults
        self._time_scale = time_scale
        self._quota = quota
        self._starting: Counter[str] = Counter()

    def check_quota(self, wanted: Counter[str]) -> None:
        """Raise ServiceError ResourceLimitExceeded; the lock is the caller's.

        Fleets that run side by side in a blue/green update count twice, as in an account's quota.
        """
        used: Counter[str] = Counter()
        for fleet in _fleets(self._registry.endpoints.values()):
            used += counts(fleet)
        for instance_type, count in wanted.items():
            quota = self._faults.quota(instance_type, self._quota)
            if used[instance_type] + count > quota:
                raise _quota_exceeded(instance_type, quota, used[instance_type], count)

    @contextmanager
    def provision(self, variants: Sequence[Variant], closing: threading.Event) -> Iterator[list[str]]:
        """The instance types for these variants, in order, kept for them while the block runs.

        Waits for capacity as long as the variants allow. Raises CapacityError.
        """
        patience_s = max((variant.provision_timeout_s for variant in variants), default=0.0)
        deadline_s = time.monotonic() + self._time_scale.wait_s(patience_s)
        while (types := self._take(variants)) is None:
            if time.monotonic() >= deadline_s or closing.wait(_RETRY_S):
                raise CapacityError
        try:
            yield types
        finally:
            with self._registry.changed:
                self._starting -= Counter(types)

    def _take(self, variants: Sequence[Variant]) -> list[str] | None:
        with self._registry.changed:
            used = self._running() + self._starting
            types: list[str] = []
            for variant in variants:
                chosen = next((t for t in variant.instance_types if self._has_room(t, used)), None)
                if chosen is None:
                    return None
                used[chosen] += 1
                types.append(chosen)
            self._starting += Counter(types)
            return types

    def _has_room(self, instance_type: str, used: Counter[str]) -> bool:
        capacity = self._faults.capacity(instance_type)
        return capacity is None or used[instance_type] < capacity

    def _running(self) -> Counter[str]:
        variants = [v for fleet in _fleets(self._registry.endpoints.values()) for v in fleet.values()]
        return Counter(instance.instance_type for variant in variants for instance in variant.instances)


def counts(fleet: Fleet) -> Counter[str]:
    """Desired instances by instance type: those that run by their own, the others by the preferred one."""
    found: Counter[str] = Counter()
    for variant in fleet.values():
        running = [instance.instance_type for instance in variant.instances[: variant.desired_count]]
        found += Counter(running)
        found[variant.instance_type] += variant.desired_count - len(running)
    return +found


def _fleets(endpoints: Iterable[Endpoint]) -> list[Fleet]:
    found = []
    for endpoint in endpoints:
        if endpoint.status == "Failed":
            continue  # what it wanted never came up, and nothing will bring it
        found.append(endpoint.fleet)
        if endpoint.pending is not None:
            found.append(endpoint.pending.fleet)
    return found


def _quota_exceeded(instance_type: str, quota: int, used: int, wanted: int) -> ServiceError:
    return ServiceError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for endpoint usage' is {quota} Instances, with current "
        f"utilization of {used} Instances and a request delta of {wanted} Instances. Please use AWS Service Quotas "
        "to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to "
        "request an increase for this quota.",
    )
