"""What runs in a home directory, and how it does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from endpoints.local import processes
from endpoints.local.gateway import HEALTH_PATH
from endpoints.local.model_source import NO_MODELS, LocalModels
from endpoints.local.process_record import ProcessRecord
from endpoints.local.settings import LocalSettings

HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class EndpointStatus:
    """A SageMaker endpoint. `healthy` and `desired` count the containers of all its variants."""

    name: str
    status: str
    healthy: int
    desired: int
    failure_reason: str | None = None


@dataclass(frozen=True)
class ModelServerStatus:
    """A process that serves the containers of one variant. `pid` is None while it is not running."""

    variant: str
    model: str
    meaningful: bool
    port: int
    pid: int | None
    restarts: int
    containers: int


@dataclass(frozen=True)
class LocalStatus:
    """`settings` are those the server runs with; when it does not run, those that were asked for."""

    running: bool
    healthy: bool
    settings: LocalSettings
    pid: int | None = None
    uptime_s: float = 0.0
    processes: int = 0  # the server, its model servers and Lambda workers
    models: LocalModels = NO_MODELS
    endpoints: tuple[EndpointStatus, ...] = ()
    model_servers: tuple[ModelServerStatus, ...] = ()
    version: str | None = None


def status(settings: LocalSettings) -> LocalStatus:
    """What runs in the home directory. Never raises because of what it finds."""
    record = ProcessRecord.read(settings)
    if record is None:
        return LocalStatus(running=False, healthy=False, settings=settings)
    return describe(settings, record, health_of(record.port))


def health_of(port: int) -> dict[str, Any] | None:
    """What the server on a loopback port says about itself; None when none answers."""
    try:
        # No proxy from the environment: this is loopback.
        with httpx.Client(timeout=HEALTH_TIMEOUT_S, trust_env=False) as client:
            answer = client.get(f"http://127.0.0.1:{port}{HEALTH_PATH}")
            health: dict[str, Any] = answer.raise_for_status().json()
            return health
    except (httpx.HTTPError, ValueError):
        return None


def describe(settings: LocalSettings, record: ProcessRecord, health: dict[str, Any] | None) -> LocalStatus:
    """A recorded server with what it said about itself."""
    said = health or {}
    return LocalStatus(
        running=True,
        healthy=health is not None,
        settings=record.settings(settings),
        pid=record.pid,
        uptime_s=time.time() - record.create_time,
        processes=len(processes.marked(settings.home)),
        models=record.models,
        endpoints=tuple(_endpoint(endpoint) for endpoint in said.get("endpoints", [])),
        model_servers=tuple(ModelServerStatus(**process) for process in said.get("model_servers", [])),
        version=said.get("version"),
    )


def _endpoint(endpoint: dict[str, Any]) -> EndpointStatus:
    return EndpointStatus(
        name=endpoint["name"],
        status=endpoint["status"],
        healthy=sum(variant["healthy"] for variant in endpoint["variants"]),
        desired=sum(variant["desired"] for variant in endpoint["variants"]),
        failure_reason=endpoint["failure_reason"],
    )
