"""SageMaker's runtime on a loopback port: scripted answers per endpoint and variant, and a record of what it saw."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Self, cast

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER without a wait: closing sends RST


class End(Enum):
    """What a candidate does after its last step."""

    KEEP = "keep"  # the connection stays open for the next request
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"  # nothing comes any more, and nobody hangs up


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a candidate does with one request: bytes are sent, numbers are pauses in seconds."""

    steps: tuple[bytes | float, ...]
    end: End = End.KEEP


@dataclass(slots=True)
class Seen:
    """One request as the upstream saw it. Times are the event loop's seconds."""

    endpoint: str
    variant: str
    connection: int
    at_s: float
    streams: bool
    body: bytes
    answered: bool = False  # everything that the script has was sent
    over_s: float | None = None  # sent to its end, or the connection gone; None while neither is so


class ScriptedSageMaker:
    """Plays `scripts[endpoint, variant]`: one behaviour for each request, the last one for all that follow."""

    def __init__(self) -> None:
        self.scripts: dict[tuple[str, str], Behaviour | Sequence[Behaviour]] = {}
        self.seen: list[Seen] = []
        self.remembers = True
        self.connections = 0
        self.open: set[_Connection] = set()
        self._turns: dict[tuple[str, str], int] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self.open):
            connection.abort()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def of(self, endpoint: str, variant: str | None = None) -> list[Seen]:
        """The requests to an endpoint, in the order they came."""
        return [seen for seen in self.seen if seen.endpoint == endpoint and variant in (None, seen.variant)]

    def by_endpoint(self) -> dict[str, list[Seen]]:
        """All requests."""
        found: dict[str, list[Seen]] = {}
        for seen in self.seen:
            found.setdefault(seen.endpoint, []).append(seen)
        return found

    def addressed(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, bool]:  # noqa: ARG002 - other protocols say it there
        """Whom a request is for (endpoint, variant), and whether it asks for a stream."""
        _, _, endpoint, operation = path.split("/")
        variant = headers.get("x-amzn-sagemaker-target-variant", "")
        return endpoint, variant, operation == "invocations-response-stream"

    def next_behaviour(self, endpoint: str, variant: str) -> Behaviour:
        """What the candidate does this time."""
        key = endpoint, variant
        script = self.scripts[key]
        if isinstance(script, Behaviour):
            return script
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        return script[min(turn, len(script) - 1)]


@dataclass(slots=True, eq=False)
class _Connection(asyncio.Protocol):
    """Requests in turn; tells the upstream when the router hangs up within an answer."""

    upstream: ScriptedSageMaker
    number: int = 0
    transport: asyncio.Transport | None = None
    received: bytes = b""
    seen: Seen | None = None
    playing: asyncio.Task[None] | None = None
    resumed: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.upstream.connections += 1
        self.number = self.upstream.connections
        self.upstream.open.add(self)
        self.transport = cast(asyncio.Transport, transport)
        self.resumed.set()

    def pause_writing(self) -> None:
        self.resumed.clear()

    def resume_writing(self) -> None:
        self.resumed.set()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(_header(each) for each in lines)
        length = int(headers.get("content-length", "0"))
        if len(rest) >= length:
            self.received = rest[length:]
            self._begin(line.split(" ")[1], headers, rest[:length])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.upstream.open.discard(self)
        self.transport = None
        self.resumed.set()
        if self.playing is not None:
            self.playing.cancel()
        self._over()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _begin(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        loop = asyncio.get_running_loop()
        endpoint, variant, streams = self.upstream.addressed(path, headers, body)
        self.seen = Seen(endpoint, variant, self.number, loop.time(), streams, body)
        if self.upstream.remembers:
            self.upstream.seen.append(self.seen)
        behaviour = self.upstream.next_behaviour(endpoint, variant)
        only = behaviour.steps[0] if len(behaviour.steps) == 1 and behaviour.end is End.KEEP else None
        if isinstance(only, bytes) and self.transport is not None:  # nearly always under load: no task for it
            self.transport.write(only)
            self.seen.answered = True
            self._over()
        else:
            self.playing = loop.create_task(self._play(behaviour))

    async def _play(self, behaviour: Behaviour) -> None:
        for step in behaviour.steps:
            if isinstance(step, bytes):
                await self.resumed.wait()
                if self.transport is not None:
                    self.transport.write(step)
            else:
                await asyncio.sleep(step)
        assert self.seen is not None
        if behaviour.end is End.HANG:
            return
        self.seen.answered = True
        self._over()
        if behaviour.end is not End.KEEP and self.transport is not None:
            if behaviour.end is End.RESET:
                raw = cast(socket.socket, self.transport.get_extra_info("socket"))
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.transport.abort()
            else:
                self.transport.close()

    def _over(self) -> None:
        if self.seen is not None and self.seen.over_s is None:
            self.seen.over_s = asyncio.get_running_loop().time()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()
