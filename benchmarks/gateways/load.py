"""The load generator: a closed loop per connection. `python -m benchmarks.gateways.load`.

Reads a job per line of standard input, writes its figures per line of standard output, both JSON. An answer counts when
its status is 200 and its last bytes are those that a complete one ends with.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import httptools
import uvloop


@dataclass(frozen=True)
class Job:
    """Ask `port` with these bytes over `concurrency` connections for `seconds`; a complete answer holds `expected`."""

    port: int
    concurrency: int
    seconds: float
    request: str
    expected: str


@dataclass(frozen=True)
class Figures:
    """Milliseconds of complete answers; `failed` are all others. `cpu_us` is the gateway's CPU time per answer."""

    answers: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    cpu_us: float = 0.0


class _Connection(asyncio.Protocol):
    """Asks again as soon as it has its answer, until the time is over."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self.closed = run.loop.create_future()
        self._begin()

    def _begin(self) -> None:
        self._asked_s = time.perf_counter()
        self._first_s = 0.0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._begin()
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        if not self._first_s:
            self._first_s = time.perf_counter()
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._tail = (self._tail + body)[-self._run.keep_bytes :]

    def on_message_complete(self) -> None:
        now_s = time.perf_counter()
        if self._parser.get_status_code() == 200 and self._run.expected in self._tail:
            self._run.took_s.append(now_s - self._asked_s)
            self._run.first_s.append(self._first_s - self._asked_s)
        else:
            self._run.failed += 1
        if now_s < self._run.end_s and self._parser.should_keep_alive():
            self._run.loop.call_soon(self._ask)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closed.set_result(None)


class _Run:
    def __init__(self, job: Job) -> None:
        self.loop = asyncio.get_running_loop()
        self.request, self.expected = job.request.encode(), job.expected.encode()
        self.keep_bytes = 600
        self.took_s: list[float] = []
        self.first_s: list[float] = []
        self.failed = 0
        self.end_s = time.perf_counter() + job.seconds
        self._job = job

    async def figures(self) -> Figures:
        started_s = time.perf_counter()
        await asyncio.gather(*[self._connection() for _ in range(self._job.concurrency)])
        elapsed_s = time.perf_counter() - started_s
        self.took_s.sort()
        self.first_s.sort()
        count = len(self.took_s)
        return Figures(
            answers=count,
            failed=self.failed,
            per_second=count / elapsed_s,
            p50_ms=_at(self.took_s, 0.5),
            p99_ms=_at(self.took_s, 0.99),
            first_byte_p50_ms=_at(self.first_s, 0.5),
        )

    async def _connection(self) -> None:
        """Connections that the gateway closes are opened anew until the time is over."""
        await self._one_connection()
        while time.perf_counter() < self.end_s:
            await self._one_connection()

    async def _one_connection(self) -> None:
        connection = _Connection(self)
        await self.loop.create_connection(lambda: connection, "127.0.0.1", self._job.port)
        await connection.closed


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")


async def _measured(job: Job) -> Figures:
    return await _Run(job).figures()


def main() -> None:
    for line in sys.stdin:
        figures = uvloop.run(_measured(Job(**json.loads(line))))
        print(json.dumps(asdict(figures)), flush=True)


if __name__ == "__main__":
    main()
