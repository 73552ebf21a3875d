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
    instance_type: str
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
    def healthy_count(self) -> int:
        return sum(instance.healthy for instance in self.instances)


Fleet = dict[str, Variant]  # by variant name, in the order of the configuration


@dataclass
class Pending:
    """An update on its way: the configuration it goes to and the fleet that is being started for it."""

    config_name: str
    fleet: Fleet
    started_at_s: float
    data_capture: dict[str, Any] | None


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

    def settle(self, status: str, failure_reason: str | None = None) -> None:
        """Change the status. The reason of a failed update is kept until the next update begins."""
        self.status = status
        self.failure_reason = failure_reason
        self.modified_at_s = now_s()
