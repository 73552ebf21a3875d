"""Starts and stops instances through the container host; knows nothing of endpoint states."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from endpoints.errors import ContainerFailed, ModelDataFailed
from endpoints.local.containers import ContainerHost
from endpoints.local.sagemaker.provisioning import CapacityError, Provisioner
from endpoints.local.sagemaker.records import Instance, Variant

_log = logging.getLogger(__name__)
_PARALLEL_STARTS = 8
_FAILURE_REASON_CHARS = 1024  # FailureReason's maximum in the service model


class StartError(Exception):
    """An instance did not come up; what had started beside it is stopped again. `reason` is a FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:_FAILURE_REASON_CHARS]


class Launcher:
    def __init__(
        self,
        host: ContainerHost,
        changed: threading.Condition,
        provisioner: Provisioner,
        *,
        drain_timeout_s: float,
    ) -> None:
        self._host = host
        self._changed = changed
        self._provisioner = provisioner
        self._drain_timeout_s = drain_timeout_s
        self._closing = threading.Event()

    def close(self) -> None:
        """Wait no longer for capacity."""
        self._closing.set()

    def start(self, endpoint_name: str, variants: Sequence[Variant]) -> list[Instance]:
        """Start one instance for each element of `variants`, in that order. Raises StartError."""
        if not variants:
            return []
        try:
            with self._provisioner.provision(variants, self._closing) as types:
                started = self._start_all(endpoint_name, variants, types)
        except CapacityError as error:
            raise StartError(error.reason) from None
        failures = [outcome for outcome in started if isinstance(outcome, StartError)]
        instances = [outcome for outcome in started if isinstance(outcome, Instance)]
        if failures:
            self.stop(instances)
            raise failures[0]
        return instances

    def stop(self, instances: Iterable[Instance]) -> None:
        """Wait for the requests in flight, then stop. A container that cannot be stopped is logged and left."""
        for instance in self._drained(list(instances)):
            try:
                self._host.stop(instance.container.container_id)
            except Exception:  # noqa: BLE001 -- the host is another module's; the fleet must not stay half-stopped
                _log.exception("container %s was not stopped", instance.container.container_id)

    def _start_all(
        self, endpoint_name: str, variants: Sequence[Variant], types: Sequence[str]
    ) -> list[Instance | StartError]:
        with ThreadPoolExecutor(min(_PARALLEL_STARTS, len(variants)), "instance") as pool:
            return list(
                pool.map(
                    lambda pair: self._start_one(endpoint_name, *pair), zip(variants, types, strict=True)
                )
            )

    def _start_one(self, endpoint_name: str, variant: Variant, instance_type: str) -> Instance | StartError:
        spec = variant.spec(endpoint_name)
        try:
            return Instance(self._host.start(spec, timeout_s=variant.startup_timeout_s), instance_type)
        except ModelDataFailed as error:
            _log.warning("%s/%s: %s", endpoint_name, variant.name, error)
            return StartError(str(error))
        except ContainerFailed as error:
            _log.warning("%s/%s: %s", endpoint_name, variant.name, error)
            return StartError(f"{_ping_failure(variant.name)} {error}")
        except Exception as error:  # noqa: BLE001 -- whatever the host raises, the endpoint must end in a status
            _log.exception("%s/%s: the container host failed", endpoint_name, variant.name)
            return StartError(
                f"Request to service failed. If failure persists after retry, contact customer support. {error!r}"
            )

    def _drained(self, instances: list[Instance]) -> list[Instance]:
        deadline_s = time.monotonic() + self._drain_timeout_s
        with self._changed:
            while any(i.requests_in_flight for i in instances) and time.monotonic() < deadline_s:
                self._changed.wait(deadline_s - time.monotonic())
        return instances


def _ping_failure(variant_name: str) -> str:
    return (
        f"The primary container for production variant {variant_name} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
