"""The local `ContainerHost`: one model server process per variant, supervised, many containers in each."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

from endpoints.local.containers import ContainerHost, ContainerSpec, RunningContainer
from endpoints.local.model_process import ModelProcess, ProcessStatus
from endpoints.local.model_source import ModelSource

FALLBACK_VARIANT = "primary"


class LocalContainerHost(ContainerHost):
    """Serves the containers of every endpoint from a few model server processes. Thread-safe.

    `models` is keyed by variant name; a variant that is not in it is served by `primary`'s model. Processes
    start with the first container that needs them (or `prewarm`), are restarted on the same port when they
    die, and end with `close` or with this process.
    """

    def __init__(self, models: Mapping[str, ModelSource], *, log_dir: Path) -> None:
        self._processes = {
            variant: ModelProcess(variant, source, log_dir=log_dir) for variant, source in models.items()
        }
        self._placements: dict[str, ModelProcess] = {}
        self._lock = threading.Lock()

    def prewarm(self) -> None:
        """Start every process without waiting for its model."""
        for process in self._processes.values():
            process.start()

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        """Start a container; returns when it is healthy.

        Raises `ContainerFailed` with the launcher's words when the environment is refused, or the model's
        when it cannot be loaded or is not healthy in `timeout_s`.
        """
        process = self._processes.get(spec.variant_name) or self._processes[FALLBACK_VARIANT]
        container_id = f"{spec.endpoint_name}-{spec.variant_name}-{uuid.uuid4().hex[:8]}"
        base_url = process.start_container(container_id, spec, timeout_s=timeout_s)
        with self._lock:
            self._placements[container_id] = process
        return RunningContainer(container_id, base_url)

    def stop(self, container_id: str) -> None:
        """Stop a container; unknown ids are ignored. Its process goes on, ready for the next one."""
        with self._lock:
            process = self._placements.pop(container_id, None)
        if process is not None:
            process.stop_container(container_id)

    def is_healthy(self, container_id: str) -> bool:
        """Whether the container answers `GET /ping` with 200 right now."""
        with self._lock:
            process = self._placements.get(container_id)
        return process is not None and process.is_healthy(container_id)

    def status(self) -> tuple[ProcessStatus, ...]:
        """The processes, for people."""
        return tuple(process.status() for process in self._processes.values())

    def close(self) -> None:
        """End every process. The host cannot be used afterwards."""
        with self._lock:
            self._placements.clear()
        for process in self._processes.values():
            process.stop()
