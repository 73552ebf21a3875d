"""One function's bundle, unpacked and running: an HTTP server on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import httpx

from endpoints.errors import LocalError
from endpoints.local.ports import free_port
from endpoints.local.web_functions.deployed import DeployedFunction

START_TIMEOUT_S: Final = 30.0  # on AWS 10 s, on another machine
POLL_INTERVAL_S: Final = 0.01  # as the adapter
KEEP_ALIVE_S: Final = 4.0  # of idle connections to the program; as the adapter
DRAIN_TIMEOUT_S: Final = 2.0  # what Lambda gives a runtime with an extension between SIGTERM and SIGKILL
_LINES_KEPT: Final = 15

logger = logging.getLogger("endpoints.local")


class ProgramFailed(LocalError):
    """The program could not be started, or ended before it was ready."""


class RunningProgram:
    """Make one with `start`."""

    def __init__(self, function: DeployedFunction, folder: Path, log_file: Path) -> None:
        self.release = function.release
        self.timeout_s = function.timeout_s
        self._function = function
        self._folder = folder
        self._log_file = log_file
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._answers = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self._process = self._spawn()
        self._reader = threading.Thread(target=self._read_output, name=f"log-{function.name}", daemon=True)
        self._reader.start()
        self.client = httpx.AsyncClient(
            trust_env=False,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=KEEP_ALIVE_S),
        )

    @classmethod
    async def start(cls, function: DeployedFunction, *, folder: Path, log_dir: Path) -> RunningProgram:
        """Unpack the function's code below `folder`, start its handler and wait until it is ready.

        What it writes goes to the function's log and to a file. Raises `ProgramFailed` with its last lines.
        """
        unpacked = await asyncio.to_thread(_unpack, function, folder)
        program = cls(function, unpacked, log_dir / f"lambda-{function.name}.log")
        try:
            await program._until_ready()
        except BaseException:
            await program.stop()
            raise
        logger.info("%s runs on port %d (process %d)", function.name, program._port, program._process.pid)
        return program

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While an answer is under way; `idle` is set while none is."""
        self._answers += 1
        self.idle.clear()
        try:
            yield
        finally:
            self._answers -= 1
            if self._answers == 0:
                self.idle.set()

    async def stop(self) -> None:
        """SIGTERM, time to finish what is in flight, SIGKILL; nothing of it is left."""
        await asyncio.to_thread(self._end)
        await self.client.aclose()

    def kill(self) -> None:
        """End it at once, without an event loop."""
        self._process.kill()
        self._end()

    def _spawn(self) -> subprocess.Popen[bytes]:
        task_root = str(self._folder / "code")
        environment = {
            **os.environ,
            **self._function.environment,
            "PORT": str(self._port),
            "AWS_LWA_PORT": str(self._port),
            "LAMBDA_TASK_ROOT": task_root,
            "_HANDLER": self._function.handler,
            # `python3` is the interpreter that the bundle was built for: this one.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        environment.pop("PYTHONPATH", None)  # the bundle's code, nobody else's
        try:
            return subprocess.Popen(
                [str(self._folder / "code" / self._function.handler)],
                cwd=task_root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us to hand on
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ProgramFailed(
                f"The handler of {self._function.name}, {self._function.handler!r}, cannot be run: {error}",
                remedy="Under the web adapter the handler is an executable file in the bundle.",
            ) from error

    def _read_output(self) -> None:
        output: IO[bytes] | None = self._process.stdout
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as file:
            for line in output or ():
                file.write(line)
                file.flush()
                text = line.decode("utf-8", errors="replace").rstrip("\n")
                self._last_lines.append(text)
                self._function.log([text])

    async def _until_ready(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not await self._is_ready():
            if not self.alive:
                raise self._failed(f"ended with {self._process.returncode} before it was ready")
            if time.monotonic() > deadline_s:
                raise self._failed(f"was not ready after {START_TIMEOUT_S:.0f} s")
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _is_ready(self) -> bool:
        try:
            answer = await self.client.get(
                f"{self.url}{self._function.readiness_path}", timeout=START_TIMEOUT_S
            )
        except httpx.HTTPError:
            return False
        return self._function.is_healthy(answer.status_code)

    def _failed(self, what: str) -> ProgramFailed:
        said = "\n".join(self._last_lines) or "It wrote nothing."
        return ProgramFailed(f"{self._function.name} {what}. {said}")

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(DRAIN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(DRAIN_TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _unpack(function: DeployedFunction, parent: Path) -> Path:
    """A new folder with the code in `code/`, files as executable as they were packed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"web-{function.name}-", dir=parent))
    code = folder / "code"
    code.mkdir()
    with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, code))
            mode = entry.external_attr >> 16
            if mode and path.is_file():
                path.chmod(mode & 0o777)
    return folder
