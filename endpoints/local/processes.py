"""Processes of one embedded AWS: recorded, found again and ended, orphans and reused ids included."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from endpoints.local.settings import PROCESS_MARKER

TERMINATE_GRACE_S = 8.0
KILL_GRACE_S = 3.0
POLL_INTERVAL_S = 0.05


@dataclass(frozen=True)
class ProcessId:
    """A process for good: the start time tells it from a later process that got the same number."""

    pid: int
    create_time: float  # seconds since the epoch, as psutil reports it

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The running process `pid`, or None when there is none."""
        with contextlib.suppress(psutil.Error):
            return cls(pid, psutil.Process(pid).create_time())
        return None

    def process(self) -> psutil.Process | None:
        """The process when it still runs and is the same one; a zombie has ended."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if process.create_time() == self.create_time and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def marked(home: Path) -> list[psutil.Process]:
    """Every other process that was started for the embedded AWS in `home`, whoever its parent is now."""
    others = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in others if _is_marked(process, home)]


def _is_marked(process: psutil.Process, home: Path) -> bool:
    # Other users' processes and those that ended meanwhile do not tell: they are not ours. (macOS: psutil 7.2.2 says
    # SystemError where the kernel keeps an environment to itself; psutil pull request 2854.)
    with contextlib.suppress(psutil.Error, OSError, SystemError):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(PROCESS_MARKER) == str(home)
    return False


def end(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Ask each process to end, then kill what has not. Answers with those that still run after that."""
    remaining = _signal(list(processes), "terminate", TERMINATE_GRACE_S)
    return _signal(remaining, "kill", KILL_GRACE_S)


def _signal(processes: list[psutil.Process], action: str, grace_s: float) -> list[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            getattr(process, action)()
    deadline = time.monotonic() + grace_s
    while (remaining := [process for process in processes if not _has_ended(process)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(POLL_INTERVAL_S)
    return remaining


def _has_ended(process: psutil.Process) -> bool:
    try:
        process.wait(timeout=0)  # collects our own child
    except psutil.TimeoutExpired:
        return _is_zombie_of_another(process)
    return True


def _is_zombie_of_another(process: psutil.Process) -> bool:
    """It waits for nothing but its parent, which in a container may never look; a child of ours is collected."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid()
    except psutil.NoSuchProcess:
        return True


def port_owner(port: int) -> str | None:
    """The process that listens on a loopback port, as `name (process 123)`; None when unknown."""
    for pid in _listening_on(port):
        with contextlib.suppress(psutil.Error):
            return f"{psutil.Process(pid).name()} (process {pid})"
    return None


def _listening_on(port: int) -> Iterator[int]:
    # macOS refuses this list to ordinary users.
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and tuple(connection.laddr)[1:] == (port,) and connection.pid:
                yield connection.pid
