"""Limits and faults that a test or a person asks for: quotas, missing capacity, containers that misbehave.

The document of `PUT /_adept/faults`, every member optional:

    {"quotas": {"ml.g5.xlarge": 2},             instances that the account may have at a time
     "capacity": {"ml.g5.xlarge": 0},           instances that the region has for the account
     "containers": [{"fault": "server-error",   and any of endpoint, variant, image, environment, which must match
                     "endpoint": "chat", "variant": "primary", "environment": {"MODEL": "b"},
                     "running": false}]}        true: containers that ran before are hit, too

By default a fault hits only containers that start after it was asked for: the new fleet of an update.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from endpoints.errors import LocalError
from endpoints.local.containers import ContainerSpec


class ContainerFault(StrEnum):
    """What may be wrong with a container."""

    NEVER_HEALTHY = "never-healthy"  # /ping does not answer 200 before the start-up time-out
    CRASH = "crash"  # it starts, and then nobody answers any more
    SERVER_ERROR = "server-error"  # /ping is fine and every invocation answers 500
    OVERLOADED = "overloaded"  # /ping is fine and every invocation answers 429
    SLOW_START = "slow-start"  # healthy after `seconds` more


class ContainerRule(BaseModel):
    """Which containers a fault hits. What is left out matches everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: ContainerFault
    endpoint: str | None = None
    variant: str | None = None
    image: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    running: bool = False
    seconds: float = Field(default=0.0, ge=0, description="on AWS; the time scale shortens them")

    def matches(self, spec: ContainerSpec) -> bool:
        """True when everything that the rule names is so."""
        return (
            self.endpoint in (None, spec.endpoint_name)
            and self.variant in (None, spec.variant_name)
            and self.image in (None, spec.image)
            and self.environment.items() <= dict(spec.environment).items()
        )


class FaultDocument(BaseModel):
    """All faults at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quotas: dict[str, int] = Field(default_factory=dict)
    capacity: dict[str, int] = Field(default_factory=dict)
    containers: tuple[ContainerRule, ...] = ()


class Faults:
    """The faults in force. Thread-safe; not part of the state that survives a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._document = FaultDocument()
        self._before: frozenset[str] = frozenset()  # containers that ran when the document came
        self._running: dict[str, ContainerSpec] = {}

    @property
    def document(self) -> dict[str, Any]:
        """What is in force, as JSON-able data."""
        return self._document.model_dump(mode="json")

    def put(self, document: Mapping[str, Any]) -> None:
        """Replace all faults. Raises `LocalError` naming what cannot be understood."""
        try:
            parsed = FaultDocument.model_validate(document)
        except ValidationError as error:
            raise LocalError(
                f"these faults cannot be understood: {error}", remedy="See docs/embedded-sagemaker.md."
            ) from None
        with self._lock:
            self._document = parsed
            self._before = frozenset(self._running)

    def quota(self, instance_type: str, default: int) -> int:
        """Instances of a type that the account may have."""
        return self._document.quotas.get(instance_type, default)

    def capacity(self, instance_type: str) -> int | None:
        """Instances of a type that can be had in all; None is as many as one likes."""
        return self._document.capacity.get(instance_type)

    def at_start(self, spec: ContainerSpec) -> ContainerRule | None:
        """The fault of a container that is starting now."""
        return next((rule for rule in self._document.containers if rule.matches(spec)), None)

    def of_running(self, container_id: str) -> ContainerFault | None:
        """The fault of a container that came up."""
        with self._lock:
            spec = self._running.get(container_id)
            if spec is None:
                return None
            old = container_id in self._before
            rules = (r for r in self._document.containers if r.matches(spec) and (r.running or not old))
            return next((rule.fault for rule in rules), None)

    def note_start(self, container_id: str, spec: ContainerSpec) -> None:
        """A container came up."""
        with self._lock:
            self._running[container_id] = spec

    def note_stop(self, container_id: str) -> None:
        """A container is gone."""
        with self._lock:
            self._running.pop(container_id, None)
