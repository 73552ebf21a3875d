"""The scripted upstream, the router's own process in front of it, and a client that speaks HTTP by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.faults.upstream import ScriptedSageMaker
from tests.unit.router.support import ALTERNATIVE_MODEL, PRIMARY_MODEL, candidate, chat_body, route

ROOT = Path(__file__).resolve().parents[2]
CHAT = "/v1/chat/completions"
SLACK_S = 1.0  # beyond a deadline: two shared cores, some hundred requests at a time
LIMITS = {"max_body_bytes": 65_536, "max_messages": 4, "max_output_tokens": 100, "timeout_ms": 2_000}
STREAMS = {"timeout_ms": 2_500, "first_token_ms": 500, "idle_ms": 500}
RETRIES = {"per_candidate": 1, "base_ms": 60, "cap_ms": 60}
BREAKER = {"window_s": 30, "min_requests": 20, "failure_percent": 100, "open_s": 1, "max_open_s": 4}


@dataclass(frozen=True, slots=True)
class Got:
    """What a caller got. `whole`: the body ended as HTTP says that bodies end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    took_s: float
    ended_s: float  # the event loop's clock

    @property
    def error(self) -> dict[str, Any]:
        """The error object of an answer that is not a stream."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


@dataclass
class Stage:
    """`log` are the router's lines, once `stop` was called or as far as they were written."""

    upstream: ScriptedSageMaker
    process: asyncio.subprocess.Process
    port: int
    log_path: Path
    counting: asyncio.Task[int] | None = None  # of the log's request lines, where it is too long to be kept

    async def open(self, body: Mapping[str, Any], path: str = CHAT, **headers: str) -> Caller:
        """A caller who has sent a request."""
        caller = await Caller.connect(self.port)
        caller.send(body, headers, path=path)
        return caller

    async def ask(self, body: Mapping[str, Any], path: str = CHAT, **headers: str) -> Got:
        """The whole answer to a request."""
        caller = await self.open(body, path, **headers)
        try:
            return await caller.answer()
        finally:
            caller.leave()

    def log(self) -> list[dict[str, Any]]:
        """One document for each line."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def lines_of(self, use_case: str) -> list[dict[str, Any]]:
        """What the router logged of a use case's requests."""
        return [line for line in self.log() if line.get("use_case") == use_case]

    async def logged(self) -> int:
        """How many requests the log told of, where it was counted. Call it when the router has ended."""
        assert self.counting is not None
        return await self.counting

    async def stop(self) -> int:
        """End the router in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.process.wait()


class Caller:
    """One connection of one caller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer
        self._began_s = 0.0

    @classmethod
    async def connect(cls, port: int) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(
        self,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        path: str = CHAT,
        cut_at: int | None = None,
    ) -> None:
        """Send a request, or its first `cut_at` bytes of body."""
        raw = json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "host: router",
            "connection: close",
            "content-type: application/json",
            f"content-length: {len(raw)}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        self._began_s = asyncio.get_running_loop().time()
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + raw[:cut_at])

    async def answer(self) -> Got:
        """Read to the end."""
        status, headers = await self.head()
        body = bytearray()
        whole = True
        try:
            if headers.get("transfer-encoding") == "chunked":
                while piece := await self.chunk():
                    body += piece
            else:
                body += await self.reader.readexactly(int(headers["content-length"]))
        except (asyncio.IncompleteReadError, ConnectionError):
            whole = False
        now_s = asyncio.get_running_loop().time()
        return Got(status, headers, bytes(body), whole, now_s - self._began_s, now_s)

    async def head(self) -> tuple[int, dict[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.rstrip().split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines)
        return int(line.split(" ")[1]), headers

    async def chunk(self) -> bytes:
        """The next chunk; empty at the end. Raises IncompleteReadError where the connection ends before."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    def leave(self) -> None:
        """Hang up."""
        self._writer.close()


def chat(use_case: str, *, stream: bool = False, **fields: object) -> dict[str, Any]:
    """The body of a chat request."""
    return chat_body(use_case, **({"stream": True} if stream else {}), **fields)


def use_case(name: str, *, alone: bool = False, **changes: object) -> dict[str, object]:
    """A use case of the table: its endpoint has its own name, its alternative the longer context."""
    candidates = [candidate("primary", PRIMARY_MODEL)]
    if not alone:
        candidates.append(candidate("alternative", ALTERNATIVE_MODEL, max_total_tokens=8192))
    given = {"limits": LIMITS, "streams": STREAMS, "retries": RETRIES, "breaker": BREAKER} | changes
    return route(name, *candidates, **given)


@asynccontextmanager
async def staged(
    use_cases: Mapping[str, object],
    url: str | None = None,
    *,
    upstream: ScriptedSageMaker | None = None,
    counts_log: bool = False,
) -> AsyncIterator[Stage]:
    """Both run until the block ends. `url`: another address than the scripted upstream's."""
    with tempfile.TemporaryDirectory(prefix="adept-faults-") as folder:
        table = Path(folder) / "route_table.json"
        document = {"version": 2, "environment": "test", "use_cases": dict(use_cases)}
        table.write_text(json.dumps(document))
        async with upstream or ScriptedSageMaker() as scripted:
            log_path = Path(folder) / "log"
            with log_path.open("wb") as log:
                output = asyncio.subprocess.PIPE if counts_log else log
                process = await _router(table, url or scripted.url, output)
            counting = asyncio.create_task(_count(process)) if counts_log else None
            try:
                assert process.stderr is not None
                async with asyncio.timeout(20):
                    said = (await process.stderr.readline()).decode()
                port = int(said.strip().rpartition(":")[2])
                yield Stage(scripted, process, port, log_path, counting)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def _router(table: Path, url: str, output: int | IO[bytes]) -> asyncio.subprocess.Process:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    aws = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lambdas.router"),
        cwd=ROOT,
        env={**outside, **aws, "PORT": "0", "ROUTE_TABLE_PATH": str(table)},
        stdout=output,
        stderr=asyncio.subprocess.PIPE,
    )


async def _count(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    lines, rest = 0, b""
    while data := await process.stdout.read(256 * 1024):
        *whole, rest = (rest + data).split(b"\n")
        lines += sum(b'"event":"request"' in line for line in whole)
    return lines
