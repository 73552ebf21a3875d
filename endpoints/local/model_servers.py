"""The local `ContainerHost`: one model server process per snapshot in use, supervised, many containers in each."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from endpoints.errors import ContainerFailed, ModelDataFailed
from endpoints.local.containers import ContainerHost, ContainerSpec, RunningContainer
from endpoints.local.model_process import ModelProcess, ProcessStatus
from endpoints.local.model_source import ModelSource, staged_source
from endpoints.local.snapshots import Snapshot, Snapshots

BACKEND: Final = "backend"


@dataclass
class _Server:
    """A process, and the containers that are in it or on their way there. `snapshot` is None for a backend."""

    process: ModelProcess
    snapshot: Snapshot | None
    containers: dict[str, ContainerSpec] = field(default_factory=dict)


class LocalContainerHost(ContainerHost):
    """Serves the containers of every endpoint: each from the model data that its model names. Thread-safe.

    All containers of a snapshot share one process. It starts with the first of them, is restarted on the same port when
    it dies, and ends with the last one; its files go with it, as with an instance. With a `backend` one process in
    front of that server has all containers, and model data is not looked at.
    """

    def __init__(self, snapshots: Snapshots, *, log_dir: Path, backend: ModelSource | None = None) -> None:
        self._snapshots = snapshots
        self._backend = backend
        self._log_dir = log_dir
        self._servers: dict[str, _Server] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        """Start a container; returns when it is healthy, `timeout_s` after its model data is there at the latest.

        Raises `ModelDataFailed` when there is none or it is incomplete; `ContainerFailed` with the launcher's words
        when the environment is refused, or the model's when it cannot be loaded or is not healthy in time.
        """
        container_id = f"{spec.endpoint_name}-{spec.variant_name}-{uuid.uuid4().hex[:8]}"
        process = self._enter(container_id, spec)
        try:
            base_url = process.start_container(container_id, spec, timeout_s=timeout_s)
        except BaseException:
            self.stop(container_id)
            raise
        return RunningContainer(container_id, base_url)

    def stop(self, container_id: str) -> None:
        """Stop a container; unknown ids are ignored. The last one of a snapshot ends its process."""
        with self._lock:
            place = next((key for key, one in self._servers.items() if container_id in one.containers), None)
        if place is not None:
            with self._turn(place):
                self._leave(place, container_id)

    def is_healthy(self, container_id: str) -> bool:
        """Whether the container answers `GET /ping` with 200 right now."""
        with self._lock:
            servers = [one for one in self._servers.values() if container_id in one.containers]
        return bool(servers) and servers[0].process.is_healthy(container_id)

    def status(self) -> tuple[ProcessStatus, ...]:
        """The processes, for people."""
        with self._lock:
            found = [(one.process, list(one.containers.values())) for one in self._servers.values()]
        return tuple(
            process.status(sorted({f"{spec.endpoint_name}/{spec.variant_name}" for spec in specs}))
            for process, specs in found
        )

    def close(self) -> None:
        """End every process. Downloaded files stay for the next start. The host cannot be used afterwards."""
        with self._lock:
            servers, self._servers, self._closed = list(self._servers.values()), {}, True
        for server in servers:
            server.process.stop()

    def _enter(self, container_id: str, spec: ContainerSpec) -> ModelProcess:
        """The process that has the container's model, with a place in it."""
        place = self._place(spec)
        with self._turn(place):
            with self._lock:
                server = self._servers.get(place)
            if server is None:
                server = self._new_server(spec)
            with self._lock:
                if self._closed:  # nothing may be started that nobody would end
                    raise ContainerFailed("The embedded AWS is ending")
                server.containers[container_id] = spec
                self._servers[place] = server
            return server.process

    def _place(self, spec: ContainerSpec) -> str:
        if self._backend is not None:
            return BACKEND
        if spec.model_data_url is None:
            raise ModelDataFailed(
                "There is nothing to serve: the container's model names no ModelDataSource",
                remedy="Give the model the S3 prefix of a staged snapshot.",
            )
        return spec.model_data_url

    def _new_server(self, spec: ContainerSpec) -> _Server:
        if self._backend is not None:
            return _Server(ModelProcess(BACKEND, self._backend, log_dir=self._log_dir), None)
        snapshot = self._snapshots.fetch(spec.model_data_url or "")
        source = staged_source(snapshot.id.repository, snapshot.id.revision, snapshot.folder)
        name = f"{snapshot.id.repository.replace('/', '-')}-{snapshot.id.revision[:8]}"
        return _Server(ModelProcess(name, source, log_dir=self._log_dir), snapshot)

    def _leave(self, place: str, container_id: str) -> None:
        with self._lock:
            server = self._servers.get(place)
            if server is None or server.containers.pop(container_id, None) is None:
                return
            is_last = not server.containers
            if is_last:
                del self._servers[place]
        server.process.stop_container(container_id)
        if is_last:
            server.process.stop()
            if server.snapshot is not None:
                self._snapshots.forget(server.snapshot)

    @contextmanager
    def _turn(self, place: str) -> Iterator[None]:
        """Starts and ends of one process, one after the other; other processes do not wait."""
        with self._lock:
            turn = self._turns[place]
        with turn:
            yield
