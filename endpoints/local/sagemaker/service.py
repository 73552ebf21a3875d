"""The embedded SageMaker: its control plane, and the door through which the runtime finds containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from endpoints.local.cloudwatch import CloudWatch, MemoryCloudWatch, TimeScale
from endpoints.local.containers import ContainerHost
from endpoints.local.faults import Faults
from endpoints.local.faulty_host import FaultyHost
from endpoints.local.protocol import ModelledService
from endpoints.local.sagemaker import snapshot as snapshots
from endpoints.local.sagemaker.deployment import Deployer
from endpoints.local.sagemaker.describe import endpoint_answer
from endpoints.local.sagemaker.endpoints import EndpointOperations
from endpoints.local.sagemaker.health import HealthMonitor
from endpoints.local.sagemaker.launcher import Launcher
from endpoints.local.sagemaker.metrics import MetricPublisher, Usages
from endpoints.local.sagemaker.provisioning import Provisioner
from endpoints.local.sagemaker.records import IN_PROGRESS
from endpoints.local.sagemaker.registry import Registry, ScalableTargets
from endpoints.local.sagemaker.resources import EndpointConfigOperations, ModelOperations
from endpoints.local.sagemaker.routing import Router
from endpoints.local.sagemaker.tags import TagOperations


class SageMaker:
    """Thread-safe. Containers start and stop in background threads through `host`."""

    def __init__(
        self,
        host: ContainerHost,
        *,
        account: str,
        region: str,
        cloudwatch: CloudWatch | None = None,
        faults: Faults | None = None,
        time_scale: TimeScale | None = None,
        usages: Usages = dict,
        instance_quota: int = 100,
        health_interval_s: float = 1.0,
        drain_timeout_s: float = 60.0,
    ) -> None:
        """`cloudwatch` gets the metrics and has the alarms of rollbacks; `usages` tells what variants' processes use.
        `instance_quota`: instances per instance type; `drain_timeout_s`: the longest wait for requests in flight
        before the old fleet of an update, or a deleted one, is stopped."""
        self.cloudwatch = cloudwatch or MemoryCloudWatch()
        self.time_scale = time_scale or TimeScale()
        self.faults = faults or Faults()
        self._host = FaultyHost(host, self.faults, self.time_scale)
        self._registry = Registry(account, region)
        provisioner = Provisioner(self._registry, self.faults, self.time_scale, quota=instance_quota)
        launcher = Launcher(self._host, self._registry.changed, provisioner, drain_timeout_s=drain_timeout_s)
        self._deployer = Deployer(self._registry, launcher, self.cloudwatch, self.time_scale)
        self._health = HealthMonitor(self._registry, self._host, interval_s=health_interval_s)
        self.router = Router(self._registry, self._host.url_of)
        self.metrics = MetricPublisher(self._registry, self.cloudwatch, self.time_scale, usages=usages)
        operations = (
            ModelOperations(self._registry),
            EndpointConfigOperations(self._registry),
            EndpointOperations(self._registry, self._deployer, provisioner, self.cloudwatch),
            TagOperations(self._registry),
        )
        handlers = {name: handler for group in operations for name, handler in group.handlers.items()}
        self.api = ModelledService("sagemaker", handlers)
        self._health.start()
        self.metrics.start()

    @property
    def account(self) -> str:
        return self._registry.account

    @property
    def region(self) -> str:
        return self._registry.region

    @property
    def on_change(self) -> Callable[[], None]:
        """Called after every change of state, from any thread, outside the lock."""
        return self._registry.on_change

    @on_change.setter
    def on_change(self, callback: Callable[[], None]) -> None:
        self._registry.on_change = callback

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation ("CreateEndpoint") on botocore's Python shapes. Raises ServiceError."""
        return self.api.call(operation, params)

    def describe_endpoints(self) -> list[dict[str, Any]]:
        """What DescribeEndpoint says of every endpoint, at one moment; by name."""
        with self._registry.changed:
            endpoints = sorted(self._registry.endpoints.items())
            return [endpoint_answer(endpoint) for _, endpoint in endpoints]

    def attach_scalable_targets(self, targets: ScalableTargets) -> None:
        """Let UpdateEndpoint and DeleteEndpoint ask which variants are registered for scaling."""
        self._registry.scalable_targets = targets

    def wait_until_settled(self, endpoint_name: str, *, timeout_s: float) -> str | None:
        """Block until no operation runs on the endpoint; its status, or None when it is gone.

        Raises TimeoutError.
        """

        def status() -> str | None:
            endpoint = self._registry.endpoints.get(endpoint_name.lower())
            return endpoint.status if endpoint else None

        with self._registry.changed:
            if not self._registry.changed.wait_for(lambda: status() not in IN_PROGRESS, timeout_s):
                raise TimeoutError(f"endpoint {endpoint_name} is still {status()} after {timeout_s:.0f} s")
            return status()

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON-able data."""
        return snapshots.snapshot(self._registry)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; the endpoints' containers start again in the background."""
        for endpoint in snapshots.restore(self._registry, state):
            if endpoint.status == "Creating":
                self._deployer.create(endpoint)
            else:
                self._deployer.resume(endpoint)

    def close(self) -> None:
        """Stop the background work. The containers are the host's to close."""
        self._deployer.close()
        self._host.end_delays()
        self.metrics.close()
        self._health.close()
