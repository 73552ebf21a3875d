"""The containers that one process serves: their settings, and how many requests each has in flight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from endpoints.local.model_server.errors import OverloadedError
from endpoints.local.model_server.limits import LaunchRefusedError, Limits, ServingEngine
from endpoints.local.model_server.tgi_launcher import tgi_limits
from endpoints.local.model_server.vllm_launcher import PREFIX as VLLM_PREFIX
from endpoints.local.model_server.vllm_launcher import vllm_limits


class ContainerDefinition(BaseModel):
    """The body of `PUT /containers/<id>`: what SageMaker would start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    environment: dict[str, str]
    model_data_url: str | None = None


def launch(definition: ContainerDefinition, *, model_window: int) -> Limits:
    """The limits of such a container. Raises `LaunchRefusedError` with the words of the engine's launcher."""
    if _engine(definition) is ServingEngine.TGI:
        return tgi_limits(definition.environment, model_window=model_window)
    return vllm_limits(
        definition.environment,
        model_window=model_window,
        has_model_data=definition.model_data_url is not None,
    )


def _engine(definition: ContainerDefinition) -> ServingEngine:
    if "vllm" in definition.image or _speaks_vllm(definition.environment):
        return ServingEngine.VLLM
    return ServingEngine.TGI


def _speaks_vllm(environment: Mapping[str, str]) -> bool:
    return any(name.startswith(VLLM_PREFIX) for name in environment)


@dataclass
class Container:
    """One container. Used from the event loop only, so counting needs no lock."""

    limits: Limits
    in_flight: int = 0

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Hold one of the container's places. Raises `OverloadedError` when all are taken."""
        if self.in_flight >= self.limits.max_concurrent_requests:
            raise OverloadedError
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


class Containers:
    """The registered containers by id."""

    def __init__(self, *, model_window: int) -> None:
        self.model_window = model_window
        self._containers: dict[str, Container] = {}

    def register(self, container_id: str, definition: ContainerDefinition) -> Limits:
        """Start a container, or replace it. Raises `LaunchRefusedError`; then it is not registered."""
        self._containers.pop(container_id, None)
        limits = launch(definition, model_window=self.model_window)
        self._containers[container_id] = Container(limits)
        return limits

    def unregister(self, container_id: str) -> None:
        """Stop a container; unknown ids are ignored."""
        self._containers.pop(container_id, None)

    def get(self, container_id: str) -> Container | None:
        """The container, or None when it is not registered."""
        return self._containers.get(container_id)


__all__ = ["Container", "ContainerDefinition", "Containers", "LaunchRefusedError", "launch"]
