"""The life of the embedded AWS in the background: up, status, logs, down. Plain functions; the CLI prints.

Every process of one embedded AWS carries its home directory in its environment, so `down` finds the model
servers and Lambda workers of a server that was killed, too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain

import psutil

from endpoints.adapters.model_backend import require_model
from endpoints.errors import CatalogueError, LocalError, RemoteError
from endpoints.local import clients, processes
from endpoints.local.hub import Digests
from endpoints.local.local_lock import write_lock
from endpoints.local.local_status import EndpointStatus, LocalStatus, describe, health_of, status
from endpoints.local.log_files import LogLine, follow, log_files, rotate, tail
from endpoints.local.model_server.engines.openai_engine import API_KEY_VARIABLE
from endpoints.local.model_source import LocalModels, ModelSource, resolve_models
from endpoints.local.ports import becomes_free, require_free
from endpoints.local.process_record import ProcessRecord
from endpoints.local.server_arguments import ServerArguments
from endpoints.local.settings import PROCESS_MARKER, LocalSettings
from endpoints.locks import LOCAL_LOCK

Progress = Callable[[str], None]

SERVER_COMMAND = (sys.executable, "-m", "endpoints.local.server")
START_TIMEOUT_S = 60.0
CONTAINERS_TIMEOUT_S = 300.0
BACKEND_EVERY_S = 4.0  # containers that wait longer than that may wait for somebody else's server
POLL_INTERVAL_S = 0.1
LINES_WHEN_IT_FAILED = 15

__all__ = [
    "EndpointStatus",
    "LocalStatus",
    "LogLine",
    "Started",
    "client_environment",
    "down",
    "logs",
    "status",
    "up",
]


class ServerEndedError(LocalError):
    """The server's process ended before it answered."""


@dataclass(frozen=True)
class Started:
    """What `up` did. `started` is False when it was up already, perhaps with other options: `differences`."""

    status: LocalStatus
    started: bool
    differences: tuple[str, ...] = ()


def up(
    settings: LocalSettings,
    progress: Progress,
    *,
    restart: bool = False,
    command: Sequence[str] = SERVER_COMMAND,
) -> Started:
    """Start the embedded AWS in the background, or say that it is up.

    A server that runs with other options is left alone, and the differences are reported, unless `restart`.
    Raises `LocalError` when the port is taken or the server does not come up; `RemoteError` when a model that
    was asked for by name cannot be had.
    """
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    settings.home.chmod(0o700)  # secrets and key material lie in it
    with _locked(settings, progress):
        if not restart and (running := _already_up(settings, progress)):
            return running
        if ProcessRecord.read(settings) is None:
            _make_room(settings, progress)  # a taken port is known before minutes of downloading, not after
        models = resolve_models(
            cache_dir=settings.model_dir,
            backend_url=settings.backend_url,
            model=settings.model,
            digests=Digests(settings.digest_file),
            progress=progress,
        )
        write_lock(settings, models)
        _make_room(settings, progress)  # what ran goes on until its successor has a model
        return Started(_start(settings, models, command, progress), True)


def logs(settings: LocalSettings, *, lines: int = 100, following: bool = False) -> Iterator[LogLine]:
    """The last `lines` of each log, the server's last; then, when `following`, what is added."""
    last = chain.from_iterable(tail(file, lines) for file in reversed(log_files(settings)))
    return chain(last, follow(settings)) if following else last


def down(settings: LocalSettings, progress: Progress) -> int:
    """End every process of the embedded AWS; answers how many there were. Its state stays for the next `up`.

    Raises `LocalError` when a process or the port outlives it.
    """
    if not settings.home.is_dir():
        return 0
    with _locked(settings, progress):
        return _end_all(settings, progress)


def client_environment(settings: LocalSettings) -> dict[str, str]:
    """This process's environment for a program that is to use the embedded AWS; see `clients`.

    It names the port of the server that runs in the home directory, whatever port was asked for, and the lock of what
    that server has: written anew, because the catalogue may have changed since `up`.
    """
    running = status(settings)
    environment = clients.client_environment(running.settings)
    if not running.models.stand_ins:
        return environment
    with suppress(CatalogueError):  # the program says so itself, if the catalogue is any of its business
        write_lock(running.settings, running.models)
    return {**environment, LOCAL_LOCK: str(running.settings.lock_file)}


def _already_up(settings: LocalSettings, progress: Progress) -> Started | None:
    record = ProcessRecord.read(settings)
    if record is None:
        return None
    try:
        return Started(_wait(settings, record, progress), False, _differences(settings, record))
    except ServerEndedError:
        return None  # it was just ending: a new one can start


def _make_room(settings: LocalSettings, progress: Progress) -> None:
    _end_all(settings, progress)
    require_free(settings.port)


def _start(
    settings: LocalSettings, models: LocalModels, command: Sequence[str], progress: Progress
) -> LocalStatus:
    progress(f"starting the embedded AWS on {settings.endpoint_url}")
    process = processes.ProcessId.of(_spawn(settings, models, command))
    try:
        if process is None:
            raise _did_not_start(settings)
        record = ProcessRecord.of(process, settings, models)
        record.write(settings)
        return _wait(settings, record, progress)
    except BaseException:  # Ctrl-C included: nothing half-started stays
        _end_all(settings, progress)
        raise


def _spawn(settings: LocalSettings, models: LocalModels, command: Sequence[str]) -> int:
    """The process id of a server that outlives this process, its terminal and its Ctrl-C."""
    rotate(settings.server_log)
    arguments = [*command, *ServerArguments(settings, models).to_command_line()]
    log_flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        arguments[0],
        arguments,
        {**os.environ, PROCESS_MARKER: str(settings.home)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(settings.server_log), log_flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _wait(settings: LocalSettings, record: ProcessRecord, progress: Progress) -> LocalStatus:
    """Until the server answers, then until the containers of restored endpoints do.

    Raises `RemoteError` when they wait for a backend that is gone, or has that model no more.
    """
    state = _wait_for_server(settings, record)
    deadline = time.monotonic() + CONTAINERS_TIMEOUT_S
    look_at = time.monotonic() + BACKEND_EVERY_S
    said = ""
    while missing := _missing(state):
        if time.monotonic() > deadline:
            progress(f"{missing} after {CONTAINERS_TIMEOUT_S:.0f} s; `adept local logs` says why")
            break
        if missing != said:
            progress(missing)
            said = missing
        if state.models.backend and time.monotonic() > look_at:
            _require_backend(state.models.backend, missing)
            look_at = time.monotonic() + BACKEND_EVERY_S
        time.sleep(POLL_INTERVAL_S)
        state = _wait_for_server(settings, record)
    return state


def _require_backend(backend: ModelSource, missing: str) -> None:
    try:
        require_model(backend.location, backend.name, api_key=os.environ.get(API_KEY_VARIABLE))
    except RemoteError as gone:
        raise RemoteError(
            f"{gone.message}, and answers for every endpoint: {missing}",
            remedy=f"{gone.remedy} The endpoints answer as soon as it serves that model. "
            "Or let another one answer: adept local up --restart, with --backend and --model, or with neither.",
        ) from None


def _wait_for_server(settings: LocalSettings, record: ProcessRecord) -> LocalStatus:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if health := health_of(record.port):
            return describe(settings, record, health)
        if record.process_id.process() is None:
            raise _did_not_start(settings)
        time.sleep(POLL_INTERVAL_S)
    raise LocalError(
        f"the embedded AWS (process {record.pid}) does not answer on port {record.port}",
        remedy=f"End it with `adept local down` and try again; its log is {settings.server_log}.",
    )


def _missing(state: LocalStatus) -> str:
    """What restored endpoints still wait for; "" when nothing."""
    serving = [endpoint for endpoint in state.endpoints if endpoint.status == "InService"]
    healthy, desired = sum(e.healthy for e in serving), sum(e.desired for e in serving)
    return f"{healthy} of {desired} containers are ready" if healthy < desired else ""


def _did_not_start(settings: LocalSettings) -> ServerEndedError:
    last = "\n".join(line.text for line in tail(settings.server_log, LINES_WHEN_IT_FAILED))
    return ServerEndedError(
        f"the embedded AWS ended while it was starting\n{last}",
        remedy=f"The whole log is {settings.server_log}.",
    )


def _differences(settings: LocalSettings, record: ProcessRecord) -> tuple[str, ...]:
    running = record.settings(settings)
    options = ("port", "region", "backend_url", "model")
    return tuple(
        f"{option} is {getattr(running, option) or 'the default'}, not {getattr(settings, option) or 'the default'}"
        for option in options
        if getattr(running, option) != getattr(settings, option)
    )


def _end_all(settings: LocalSettings, progress: Progress) -> int:
    """The server first, so that it saves its state; then what it left."""
    record = ProcessRecord.read(settings)
    found = processes.marked(settings.home)
    server = record.process_id.process() if record else None
    if found:
        progress(f"ending {len(found)} process{'es' if len(found) > 1 else ''}")
    remaining = processes.end([server]) if server else []
    remaining += processes.end(processes.marked(settings.home))
    settings.process_record.unlink(missing_ok=True)
    shutil.rmtree(settings.temporary_dir, ignore_errors=True)  # bundles of Lambda workers that were killed
    if remaining or (record and not becomes_free(record.port)):
        raise _survived(remaining, record)
    return len(found)


def _survived(remaining: Sequence[psutil.Process], record: ProcessRecord | None) -> LocalError:
    what = [f"process {process.pid}" for process in remaining]
    if record and not becomes_free(record.port):
        what.append(f"port {record.port} ({processes.port_owner(record.port) or 'owner unknown'})")
    return LocalError(
        f"still there after the end: {', '.join(what)}", remedy="End it by hand, then try again."
    )


@contextmanager
def _locked(settings: LocalSettings, progress: Progress) -> Iterator[None]:
    """One `up` or `down` per home directory at a time; the lock goes with the process that holds it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # it may be downloading a model: silence would look like a hang
            progress("waiting for another `adept local up` or `down` to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
