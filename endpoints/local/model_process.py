"""One supervised model server process."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endpoints.errors import ContainerFailed
from endpoints.local.containers import ContainerSpec
from endpoints.local.model_server.app import LoadState
from endpoints.local.model_server.client import (
    ContainerRefusedError,
    ModelServerClient,
    NoAnswerError,
    ServerState,
)
from endpoints.local.model_source import ModelSource
from endpoints.local.ports import free_port

BACK_OFF_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STABLE_AFTER_S: Final = 30.0  # a process that lived this long starts over with the shortest back-off
STOP_TIMEOUT_S: Final = 3.0
POLL_INTERVAL_S: Final = 0.05

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessStatus:
    """A model server process, for people. `serves` names its variants: `<endpoint>/<variant>`."""

    model: str
    revision: str | None  # None for a backend
    meaningful: bool
    port: int
    pid: int | None  # None while it is not running
    restarts: int
    containers: int
    serves: tuple[str, ...]


class ModelProcess:
    """Starts a model server, keeps it alive on one port, and keeps its containers registered. Thread-safe.

    `name` is for logs.
    """

    def __init__(self, name: str, source: ModelSource, *, log_dir: Path) -> None:
        self._name = name
        self._source = source
        self._log_file = log_dir / f"model-server-{name}.log"
        self._lock = threading.RLock()
        self._choose_port()
        self._answered = False  # until then nobody knows the port, so another one will do
        self._containers: dict[str, ContainerSpec] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0
        self._stopping = threading.Event()

    def _choose_port(self) -> None:
        self._port = free_port()
        self._client = ModelServerClient(self._port)

    def start(self) -> None:
        """Start the process unless it runs; does not wait for the model."""
        with self._lock:
            if self._process is None and not self._stopping.is_set():
                self._process = self._spawn()
                threading.Thread(
                    target=self._supervise, name=f"model-server-{self._name}", daemon=True
                ).start()

    def start_container(self, container_id: str, spec: ContainerSpec, *, timeout_s: float) -> str:
        """Register a container and wait until it is healthy; its base URL. Raises `ContainerFailed`."""
        deadline = time.monotonic() + timeout_s
        self.start()
        try:
            self._wait_until_loaded(deadline)
            self._register(container_id, spec)
            self._wait_until_healthy(container_id, deadline)
        except BaseException:
            self.stop_container(container_id)
            raise
        return self._client.container_url(container_id)

    def stop_container(self, container_id: str) -> None:
        """Unregister a container; the process may be gone already."""
        with self._lock:
            self._containers.pop(container_id, None)
        with contextlib.suppress(NoAnswerError):
            self._client.unregister(container_id)

    def is_healthy(self, container_id: str) -> bool:
        """Whether the container answers its health check now."""
        return self._client.is_healthy(container_id)

    def status(self, serves: Sequence[str]) -> ProcessStatus:
        """The process as it is now; its host knows for whom."""
        with self._lock:
            running = self._process is not None and self._process.poll() is None
            return ProcessStatus(
                model=self._source.name,
                revision=self._source.revision,
                meaningful=self._source.meaningful,
                port=self._port,
                pid=self._process.pid if self._process and running else None,
                restarts=self._restarts,
                containers=len(self._containers),
                serves=tuple(serves),
            )

    def stop(self) -> None:
        """End the process for good."""
        with self._lock:
            self._stopping.set()
            process, self._process = self._process, None
            self._containers.clear()
        if process is not None:
            _end(process)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "endpoints.local.model_server"),
                    *("--port", str(self._port), "--source", self._source.to_json()),
                ],
                stdin=subprocess.PIPE,  # closes when this process ends, and the server with it
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for us to hand on
            )

    def _environment(self) -> dict[str, str]:
        return {
            "RAYON_NUM_THREADS": str(_threads()),
            **os.environ,
            "HF_HUB_OFFLINE": "1",  # the files are there; nothing may be fetched behind people's backs
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",  # this goes to a file
        }

    def _supervise(self) -> None:
        """Restart the process whenever it dies, on the same port and with the same containers."""
        failures = 0
        while (process := self._process) is not None:
            started = time.monotonic()
            process.wait()
            if self._stopping.is_set():
                return
            failures = 0 if time.monotonic() - started > STABLE_AFTER_S else failures
            logger.warning("the model server of %s ended with %s", self._name, process.returncode)
            if self._stopping.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]):
                return
            failures += 1
            self._restart(process)

    def _restart(self, dead: subprocess.Popen[bytes]) -> None:
        if dead.stdin is not None:
            dead.stdin.close()
        with self._lock:
            if self._stopping.is_set():
                return
            self._restarts += 1
            if not self._answered:
                self._choose_port()  # somebody else may have taken it in the meantime
            self._process = self._spawn()
            containers = dict(self._containers)
        threading.Thread(target=self._register_again, args=(containers,), daemon=True).start()

    def _register_again(self, containers: dict[str, ContainerSpec]) -> None:
        """Give a restarted process its containers back, as soon as it listens."""
        process = self._process
        while process is self._process and not self._stopping.is_set():
            try:
                for container_id, spec in containers.items():
                    if container_id in self._containers:
                        self._client.register(container_id, spec)
            except NoAnswerError:
                time.sleep(POLL_INTERVAL_S)
            else:
                return

    def _register(self, container_id: str, spec: ContainerSpec) -> None:
        with self._lock:
            self._containers[container_id] = spec  # first, so that a restart brings it back
        try:
            self._client.register(container_id, spec)
        except ContainerRefusedError as refusal:
            raise ContainerFailed(
                f"The container refused to start: {refusal}",
                remedy="Correct the environment of the model's container.",
            ) from None
        except NoAnswerError:
            logger.info("%s is registered when its process is back", container_id)

    def _wait_until_loaded(self, deadline: float) -> None:
        while (state := self._state()) is None or state.load is LoadState.LOADING:
            self._pause(deadline)
        if state.load is LoadState.FAILED:
            raise ContainerFailed(f"The model server has no model: {state.reason}")

    def _state(self) -> ServerState | None:
        """What the process says of itself; None while nothing, or another program, answers on its port."""
        try:
            state = self._client.state()
        except NoAnswerError:
            return None
        process = self._process
        if process is None or state.pid != process.pid:
            return None
        self._answered = True
        return state

    def _wait_until_healthy(self, container_id: str, deadline: float) -> None:
        while not self.is_healthy(container_id):
            self._pause(deadline)

    def _pause(self, deadline: float) -> None:
        if time.monotonic() > deadline or self._stopping.is_set():
            raise ContainerFailed(
                "The container did not pass its ping health check in time",
                remedy=f"The model server's log is {self._log_file}.",
            )
        time.sleep(POLL_INTERVAL_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()  # the server exits at once when its input ends
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _threads() -> int:
    """Half of the cores. With all of them a model is five times slower as soon as one core has other work: at every
    step each thread waits for the one that was held up.
    """
    return max((os.cpu_count() or 2) // 2, 1)
