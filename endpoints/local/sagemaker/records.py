"""What the embedded SageMaker remembers. Every record is JSON-able but for the containers that run right now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from endpoints.local.containers import ContainerSpec, RunningContainer

IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


def now_s() -> float:
    """Seconds since the epoch."""
    return datetime.now(UTC).timestamp()


def as_time(seconds: float) -> datetime:
    """Seconds since the epoch as botocore's timestamp."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Resource:
    """A model or an endpoint configuration: the request that made it, and when."""

    name: str
    arn: str
    request: dict[str, Any]
    created_at_s: float


@dataclass(eq=False)
class Instance:
    """One instance of a variant: a container that passed its health check once."""

    container: RunningContainer
    instance_type: str
    healthy: bool = True
    unhealthy_since_s: float | None = None
    requests_in_flight: int = 0


@dataclass
class Variant:
    """A production variant as deployed: it keeps what it needs to start further instances by itself."""

    name: str
    model_name: str
    image: str
    environment: dict[str, str]
    model_data_url: str | None
    instance_types: list[str]  # the preferred one first; several when the configuration has InstancePools
    provision_timeout_s: float  # on AWS: how long missing capacity is waited for
    startup_timeout_s: float
    routing_config: dict[str, Any] | None
    desired_weight: float
    current_weight: float
    desired_count: int
    instances: list[Instance] = field(default_factory=list)

    def spec(self, endpoint_name: str) -> ContainerSpec:
        """The container that an instance of this variant runs."""
        return ContainerSpec(endpoint_name, self.name, self.image, self.environment, self.model_data_url)

    @property
    def instance_type(self) -> str:
        """The preferred instance type."""
        return self.instance_types[0]

    @property
    def healthy_count(self) -> int:
        return sum(instance.healthy for instance in self.instances)


Fleet = dict[str, Variant]  # by variant name, in the order of the configuration


@dataclass(frozen=True)
class VariantStage:
    """What a deployment is doing with a variant: one of SageMaker's VariantStatus values, and its message."""

    status: str
    message: str
    started_at_s: float


@dataclass
class Pending:
    """An update on its way: the configuration it goes to and the fleet that is being started for it.

    `active` is how many instances of each variant have traffic; the others of the old fleet go on serving.
    """

    config_name: str
    fleet: Fleet
    started_at_s: float
    data_capture: dict[str, Any] | None
    active: dict[str, int] = field(default_factory=dict)
    stages: dict[str, VariantStage] = field(default_factory=dict)

    def share(self, variant_name: str) -> float:
        """The part of a variant's requests that goes to the new fleet, from 0 to 1."""
        variant = self.fleet.get(variant_name)
        if variant is None or not variant.instances:
            return 0.0
        return min(1.0, self.active.get(variant_name, 0) / len(variant.instances))

    def enter(self, status: str, message: dict[str, str]) -> None:
        """Every variant named in `message` enters a stage now."""
        for name, text in message.items():
            self.stages[name] = VariantStage(status, text, now_s())


@dataclass
class Endpoint:
    """An endpoint; `config_name` and `fleet` are what serves now, `pending` what an update is bringing."""

    name: str
    arn: str
    config_name: str
    fleet: Fleet
    data_capture: dict[str, Any] | None
    created_at_s: float
    modified_at_s: float
    status: str = "Creating"
    failure_reason: str | None = None
    deployment_config: dict[str, Any] | None = None
    pending: Pending | None = None

    def variants(self) -> list[Variant]:
        """The variants that serve, and those that an update is bringing."""
        return [*self.fleet.values(), *(self.pending.fleet.values() if self.pending else ())]

    def settle(self, status: str, failure_reason: str | None = None) -> None:
        """Change the status. The reason of a failed update is kept until the next update begins."""
        self.status = status
        self.failure_reason = failure_reason
        self.modified_at_s = now_s()
