"""A server under test and clients that speak bytes: what is on the wire is what is judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.http.server import App, HttpServer
from lambdas.router.messages import Response

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
LIMIT_BYTES = 2000
PATIENCE_S = 5.0
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """The result of `work` on a fresh loop. A hang fails."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await work

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(bounded())


@dataclass
class Echo:
    """An app that answers with what it was asked, unless told otherwise; it keeps what it got."""

    reply: Callable[[RawRequest], Awaitable[Response]] | None = None
    requests: list[RawRequest] = field(default_factory=list)
    crashes: list[Exception] = field(default_factory=list)

    def app(self) -> App:
        return App(self.answer, refusal, lambda: LIMIT_BYTES, self.crashes.append)

    async def answer(self, request: RawRequest) -> Response:
        self.requests.append(request)
        if self.reply is not None:
            return await self.reply(request)
        return Response(200, f"{request.method} {request.target} ".encode() + request.body, {"x-a": "b"})


def refusal(refused: Refused) -> Response:
    return Response(refused.status, refused.message.encode(), {"content-type": "text/plain"})


@asynccontextmanager
async def served(echo: Echo, **limits: int) -> AsyncIterator[tuple[HttpServer, int]]:
    """A server and its port; drained in the end."""
    server = HttpServer(echo.app(), **limits)
    port = await server.listen("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.drain(0.2)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> str:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def answer(self) -> tuple[str, bytes]:
        """Status line and headers, and the body by its announced length."""
        head = await self.head()
        length = next(
            (
                int(line.split(":")[1])
                for line in head.lower().splitlines()
                if line.startswith("content-length")
            ),
            0,
        )
        return head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()

    def close(self) -> None:
        self.writer.close()


@dataclass
class Pieces:
    """A streamed body whose pieces come from `source`; tells whether and how it was closed."""

    source: AsyncIterator[bytes]
    closed: int = 0
    given: int = 0

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self.source)
        self.given += 1
        return piece

    async def aclose(self) -> None:
        self.closed += 1


def post(body: bytes, *headers: str, target: str = "/x", length: int | None = None) -> bytes:
    lines = [
        f"POST {target} HTTP/1.1",
        "host: t",
        *headers,
        f"content-length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


GET = b"GET /a HTTP/1.1\r\nhost: t\r\n\r\n"
