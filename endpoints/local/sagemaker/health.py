"""Watches running containers, so that DescribeEndpoint and the routing know which instances pass `/ping`."""

from __future__ import annotations

import logging
import threading

from endpoints.local.containers import ContainerHost
from endpoints.local.sagemaker.records import Instance, now_s
from endpoints.local.sagemaker.registry import Registry

_log = logging.getLogger(__name__)


class HealthMonitor:
    """One daemon thread. The endpoint stays InService whatever it finds, as in SageMaker."""

    def __init__(self, registry: Registry, host: ContainerHost, *, interval_s: float) -> None:
        self._registry = registry
        self._host = host
        self._interval_s = interval_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sagemaker health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def _watch(self) -> None:
        while not self._closing.wait(self._interval_s):
            for instance in self._instances():
                self._check(instance)

    def _instances(self) -> list[Instance]:
        with self._registry.changed:
            variants = [v for e in self._registry.endpoints.values() for v in e.variants()]
            return [instance for variant in variants for instance in variant.instances]

    def _check(self, instance: Instance) -> None:
        try:
            healthy = self._host.is_healthy(instance.container.container_id)
        except Exception:  # noqa: BLE001 -- the host is another module's; the watch must go on
            _log.exception("the health of container %s is unknown", instance.container.container_id)
            healthy = False
        with self._registry.changed:
            set_health(instance, healthy)


def set_health(instance: Instance, healthy: bool) -> None:
    """Note what a check or a request found; the lock is the caller's."""
    if healthy != instance.healthy:
        instance.healthy = healthy
        instance.unhealthy_since_s = None if healthy else now_s()
