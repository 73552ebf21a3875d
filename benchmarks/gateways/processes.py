"""Starts what a benchmark needs, waits until it answers, and ends it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.gateways.load import Figures, Job

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 120.0


def say(what: str) -> None:
    """Progress, which is none of the figures."""
    print(f"· {what}", file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], log: Path, *, folder: Path = ROOT
) -> Iterator[psutil.Process]:
    """The process, ended with its children at the end. What it says goes to `log`."""
    with log.open("wb") as output:
        process = psutil.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            for each in [*process.children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()


def wait_for_answer(
    port: int, request: str, process: psutil.Process, log: Path, *, every_s: float = 0.005
) -> float:
    """Seconds until the first answer with status 200. Ends the program when there is none."""
    started_s = time.perf_counter()
    while time.perf_counter() - started_s < START_LIMIT_S:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            break
        with (
            suppress(OSError, http.client.HTTPException),
            socket.create_connection(("127.0.0.1", port), 30) as sock,
        ):
            sock.sendall(request.encode())
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            answer.read()
            if answer.status == 200:
                return time.perf_counter() - started_s
        time.sleep(every_s)
    sys.exit(f"no answer on port {port}; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")


def rss_mib(process: psutil.Process) -> float:
    """Resident memory of the process and its children."""
    total = sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
    return float(total) / 1024 / 1024


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of the process and its children, to the clock tick of 10 ms."""
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return float(sum(each.user + each.system for each in times))


def exact_cpu_s(process: psutil.Process) -> float:
    """CPU seconds of the process's living threads, to the microsecond where the kernel tells (Linux)."""
    threads = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9 if threads else cpu_s(process)


class LoadGenerator:
    """A context: the load generator's process."""

    def __enter__(self) -> LoadGenerator:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateways.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, job: Job) -> Figures:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the load generator ended")
        return Figures(**json.loads(line))
