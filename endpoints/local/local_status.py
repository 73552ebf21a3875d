"""What runs in a home directory, and how it does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from endpoints.local import processes
from endpoints.local.gateway import HEALTH_PATH
from endpoints.local.model_source import NO_MODELS, LocalModels, ModelSource
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
    """A process that serves the containers of one snapshot. `pid` is None while it is not running.

    `revision` is None for a backend; `serves` names variants: `<endpoint>/<variant>`.
    """

    model: str
    revision: str | None
    meaningful: bool
    port: int
    pid: int | None
    restarts: int
    containers: int
    serves: tuple[str, ...]


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

    @property
    def serving(self) -> Mapping[str, tuple[ModelServerStatus, ...]]:
        """By variant name: the model servers behind the deployed endpoints' variants of that name."""
        variants = {place.split("/")[1] for server in self.model_servers for place in server.serves}
        return {
            variant: tuple(
                server
                for server in self.model_servers
                if any(place.endswith(f"/{variant}") for place in server.serves)
            )
            for variant in sorted(variants, reverse=True)  # primary before alternative
        }

    @property
    def not_deployed(self) -> Mapping[str, ModelSource]:
        """By role: a stand-in that this server has, while endpoints still serve another one."""
        if self.models.backend is not None:
            return {}
        return {
            role: source
            for role, source in self.models.stand_ins.items()
            if any(server.revision != source.revision for server in self.serving.get(role, ()))
        }


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
        model_servers=tuple(_model_server(process) for process in said.get("model_servers", [])),
        version=said.get("version"),
    )


def _model_server(process: dict[str, Any]) -> ModelServerStatus:
    return ModelServerStatus(**{**process, "serves": tuple(process["serves"])})


def _endpoint(endpoint: dict[str, Any]) -> EndpointStatus:
    return EndpointStatus(
        name=endpoint["name"],
        status=endpoint["status"],
        healthy=sum(variant["healthy"] for variant in endpoint["variants"]),
        desired=sum(variant["desired"] for variant in endpoint["variants"]),
        failure_reason=endpoint["failure_reason"],
    )
