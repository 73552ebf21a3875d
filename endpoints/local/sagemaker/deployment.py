"""What happens to an endpoint after the API has answered: one background thread per operation."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from endpoints.local.cloudwatch import CloudWatch, TimeScale
from endpoints.local.sagemaker.deployment_config import Plan
from endpoints.local.sagemaker.fleets import take_instances
from endpoints.local.sagemaker.launcher import Launcher, StartError
from endpoints.local.sagemaker.records import Endpoint, Fleet, Instance, Pending, Variant
from endpoints.local.sagemaker.registry import Registry
from endpoints.local.sagemaker.rollout import Interrupted, RolledBackError, Rollout

_log = logging.getLogger(__name__)
RESUME_RETRY_S = 5.0


class Deployer:
    """Brings endpoints to where the control plane wants them. Every change of state is under the registry's lock."""

    def __init__(
        self, registry: Registry, launcher: Launcher, cloudwatch: CloudWatch, time_scale: TimeScale
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._cloudwatch = cloudwatch
        self._time_scale = time_scale
        self._closing = threading.Event()

    def create(self, endpoint: Endpoint) -> None:
        self._run(self._create, endpoint)

    def update(self, endpoint: Endpoint, plan: Plan) -> None:
        self._run(partial(self._update, plan), endpoint)

    def rescale(self, endpoint: Endpoint) -> None:
        self._run(self._rescale, endpoint)

    def delete(self, endpoint: Endpoint) -> None:
        self._run(self._delete, endpoint)

    def resume(self, endpoint: Endpoint) -> None:
        """After a restart: the endpoint says InService while its instances come up again."""
        self._run(self._resume, endpoint)

    def close(self) -> None:
        """Let no background thread start anything more."""
        self._closing.set()
        self._launcher.close()

    def _run(self, work: Callable[[Endpoint], None], endpoint: Endpoint) -> None:
        threading.Thread(
            target=work, args=(endpoint,), name=f"deploying {endpoint.name}", daemon=True
        ).start()

    def _create(self, endpoint: Endpoint) -> None:
        try:
            started = self._start_missing(endpoint.name, endpoint.fleet)
        except StartError as failure:
            with self._registry.changing():
                endpoint.settle("Failed", failure.reason)
            return
        with self._registry.changing():
            _attach(endpoint.fleet, started)
            endpoint.settle("InService")

    def _update(self, plan: Plan, endpoint: Endpoint) -> None:
        """Blue/green: the new fleet is healthy before it gets traffic, and the old one ends its requests."""
        pending = endpoint.pending
        if pending is None:  # settled by somebody else: nothing to bring
            return
        rollout = Rollout(self._registry, self._cloudwatch, self._time_scale, plan, self._closing)
        try:
            rollout.check()  # an alarm that rings already stops a deployment before it begins
            self._start_new_fleet(endpoint, pending)
            rollout.shift(pending)
        except (StartError, RolledBackError) as failure:
            self._roll_back(endpoint, pending, failure.reason)
        except Interrupted:
            _log.info("the update of %s is interrupted", endpoint.name)
        else:
            self._complete(endpoint, pending)

    def _start_new_fleet(self, endpoint: Endpoint, pending: Pending) -> None:
        with self._registry.changing():
            pending.enter("Creating", _launching(pending.fleet))
        started = self._start_missing(endpoint.name, pending.fleet)
        with self._registry.changing():
            _attach(pending.fleet, started)

    def _complete(self, endpoint: Endpoint, pending: Pending) -> None:
        with self._registry.changing():
            old = take_instances(endpoint.fleet)
            endpoint.fleet, endpoint.config_name = pending.fleet, pending.config_name
            endpoint.data_capture, endpoint.pending = pending.data_capture, None
            endpoint.settle("InService")
        self._launcher.stop(old)

    def _roll_back(self, endpoint: Endpoint, pending: Pending, reason: str) -> None:
        """All traffic to the old fleet at once; the new one ends its requests and stops, then the status settles."""
        _log.warning("the update of %s is rolled back: %s", endpoint.name, reason)
        with self._registry.changing():
            new = take_instances(pending.fleet)
            pending.active = {}
            terminating = dict.fromkeys(pending.fleet, "Terminating instance(s).")
            pending.enter("Deleting", terminating)
        self._launcher.stop(new)
        with self._registry.changing():
            endpoint.pending = None
            endpoint.settle("InService", reason)

    def _rescale(self, endpoint: Endpoint) -> None:
        """Bring the counts and weights of the running fleet to what is desired."""
        try:
            started = self._start_missing(endpoint.name, endpoint.fleet)
        except StartError as failure:
            with self._registry.changing():
                _give_up_growth(endpoint.fleet)
                endpoint.settle("RollingBack", failure.reason)
            with self._registry.changing():
                endpoint.settle("InService", failure.reason)
            return
        with self._registry.changing():
            _attach(endpoint.fleet, started)
            surplus = _shrink(endpoint.fleet)
            for variant in endpoint.fleet.values():
                variant.current_weight = variant.desired_weight
            endpoint.settle("InService")
        self._launcher.stop(surplus)

    def _delete(self, endpoint: Endpoint) -> None:
        with self._registry.changed:
            instances = take_instances(endpoint.fleet)
        self._launcher.stop(instances)
        with self._registry.changing():
            self._registry.endpoints.pop(endpoint.name.lower(), None)
            self._registry.tags.pop(endpoint.arn, None)

    def _resume(self, endpoint: Endpoint) -> None:
        fleet = endpoint.fleet
        while not self._closing.is_set():
            try:
                started = self._start_missing(endpoint.name, fleet)
            except StartError:
                self._closing.wait(RESUME_RETRY_S)  # SageMaker, too, replaces an instance until it comes up
                if not self._serves(endpoint, fleet):
                    return
                continue
            self._adopt(endpoint, fleet, started)
            return

    def _adopt(self, endpoint: Endpoint, fleet: Fleet, started: list[tuple[Variant, Instance]]) -> None:
        with self._registry.changing():
            serves = self._serves(endpoint, fleet)
            if serves:
                _attach(fleet, started)
                surplus = _shrink(fleet)
            else:
                surplus = [instance for _, instance in started]
        self._launcher.stop(surplus)

    def _serves(self, endpoint: Endpoint, fleet: Fleet) -> bool:
        """False once an update has replaced the fleet or the endpoint is going away."""
        return endpoint.fleet is fleet and endpoint.status != "Deleting"

    def _start_missing(self, endpoint_name: str, fleet: Fleet) -> list[tuple[Variant, Instance]]:
        with self._registry.changed:
            missing = [v for v in fleet.values() for _ in range(v.desired_count - len(v.instances))]
        return list(zip(missing, self._launcher.start(endpoint_name, missing), strict=True))


def _attach(fleet: Fleet, started: list[tuple[Variant, Instance]]) -> None:
    for variant, instance in started:
        fleet[variant.name].instances.append(instance)


def _shrink(fleet: Fleet) -> list[Instance]:
    surplus: list[Instance] = []
    for variant in fleet.values():
        surplus += variant.instances[variant.desired_count :]
        variant.instances = variant.instances[: variant.desired_count]
    return surplus


def _give_up_growth(fleet: Fleet) -> None:
    for variant in fleet.values():
        variant.desired_count = max(1, min(variant.desired_count, len(variant.instances)))
        variant.desired_weight = variant.current_weight


def _launching(fleet: Fleet) -> dict[str, str]:
    return {name: f"Launching {variant.desired_count} instance(s)." for name, variant in fleet.items()}
