"""The embedded Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from endpoints.local.autoscaling.capacity import CapacityKeeper
from endpoints.local.autoscaling.policies import PolicyOperations, ScheduleOperations
from endpoints.local.autoscaling.scaler import PolicyScaler
from endpoints.local.autoscaling.scheduler import Scheduler
from endpoints.local.autoscaling.state import State
from endpoints.local.autoscaling.targets import TargetOperations
from endpoints.local.protocol import ModelledService
from endpoints.local.sagemaker import SageMaker


class ApplicationAutoScaling:
    """Thread-safe. Attaches itself to `sagemaker`, which asks it which variants are registered."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self._state = State(sagemaker.account, sagemaker.region, sagemaker.cloudwatch)
        self._capacity = CapacityKeeper(self._state, sagemaker)
        self._targets = TargetOperations(self._state, sagemaker, self._capacity.check)
        operations = (self._targets, PolicyOperations(self._state), ScheduleOperations(self._state))
        handlers = {name: handler for group in operations for name, handler in group.handlers.items()}
        self.api = ModelledService("application-autoscaling", handlers)
        sagemaker.attach_scalable_targets(self)
        self._scaler = PolicyScaler(self._state, sagemaker, self._capacity.want)
        self._scheduler = Scheduler(self._state, self._targets.set_bounds)
        self._scaler.start()
        self._scheduler.start()

    @property
    def on_change(self) -> Callable[[], None]:
        """Called after every change of state, from any thread, outside the lock."""
        return self._state.on_change

    @on_change.setter
    def on_change(self, callback: Callable[[], None]) -> None:
        self._state.on_change = callback

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation ("RegisterScalableTarget") on botocore's Python shapes. Raises ServiceError."""
        return self.api.call(operation, params)

    def has_target(self, resource_id: str) -> bool:
        """True when `endpoint/<name>/variant/<variant>` is registered."""
        with self._state.lock:
            return resource_id in self._state.targets

    def forget_targets(self, resource_ids: list[str]) -> None:
        """Deregister what belongs to an endpoint that is being deleted."""
        with self._state.changing():
            for resource_id in resource_ids:
                self._targets.forget(resource_id)

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON-able data."""
        return self._state.snapshot()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot and check the bounds again."""
        self._state.restore(state)
        self._capacity.check()

    def close(self) -> None:
        """Stop the background work."""
        self._scaler.close()
        self._scheduler.close()
        self._capacity.close()
