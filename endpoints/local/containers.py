"""The seam between the embedded SageMaker and the processes that serve models.

The control plane asks a `ContainerHost` for a container per variant; what comes back speaks the SageMaker
container contract (`GET /ping`, `POST /invocations`) under `base_url`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ContainerSpec:
    """What SageMaker would start for one variant of an endpoint."""

    endpoint_name: str
    variant_name: str
    image: str
    environment: Mapping[str, str]
    model_data_url: str | None  # `s3://bucket/prefix/` of an uncompressed ModelDataSource


@dataclass(frozen=True)
class RunningContainer:
    """A container that passed its health check. `base_url` stays the same when its process is restarted."""

    container_id: str
    base_url: str  # "http://127.0.0.1:<port>/containers/<id>"; /ping and /invocations live under it


class ContainerHost(Protocol):
    """Starts and stops containers. Every method is blocking and may be called from any thread."""

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        """Start a container and wait until `GET /ping` answers 200.

        Raises `ContainerFailed` when its environment is refused at start or it is not healthy in `timeout_s`.
        """

    def stop(self, container_id: str) -> None:
        """Stop a container. Unknown ids are ignored: stopping twice is not an error."""

    def is_healthy(self, container_id: str) -> bool:
        """True when `GET /ping` answers 200 right now."""

    def close(self) -> None:
        """Stop every process this host started."""
