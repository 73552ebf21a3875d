"""Inputs of the HTTP server: the bytes that a client sends, and when it goes away."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from lambdas.router.assembly import Assembly
from lambdas.router.http.server import HttpServer
from lambdas.router.http.serving import ServerConnection
from lambdas.router.service import Router
from lambdas.router.web import RouterApp
from tests.fuzz.callers import CHAT, TABLE
from tests.fuzz.chaos import Chaos
from tests.fuzz.holds import Violated, check_answer, require
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import completion, whole_stream
from tests.unit.router.virtual import now_s

_LINES = (
    *("connection: close", "connection: keep-alive", "expect: 100-continue", "transfer-encoding: chunked"),
    *(
        "upgrade: websocket",
        "x-a: " + "a" * 5000,
        "content-length: 5",
        "content-length: 99999999",
        "x-request-id: é",
    ),
    *("x-adept-timeout-ms: 5", "x-adept-candidate: alternative", "x-amzn-request-context: [", "host: t"),
)


class ClientSide(asyncio.Transport):
    """The server's transport: it keeps what the server writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        require(not self.closed, "written after the connection was closed")
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The client hears no more."""

    def pause_reading(self) -> None:
        """Whatever is sent was sent already."""

    def resume_reading(self) -> None:
        """The same."""


class Served:
    """The server, without a socket. `crashes` are what its last line of defence was told."""

    def __init__(self) -> None:
        self.upstream = FakeUpstream()
        router = Router(TABLE, self.upstream, clock=now_s)
        assembly = Assembly(router, TABLE, cast("Any", None))
        app = RouterApp(lambda _: assembly)
        app.prepare()
        self.crashes: list[Exception] = []
        made = app.app()
        self.server = HttpServer(
            type(made)(made.answer, made.refusal, made.max_body_bytes, self.crashes.append)
        )

    async def put_to_the_server(self, chaos: Chaos) -> None:
        """One connection. Raises whatever goes wrong."""
        pause_s = chaos.one((0.0, 0.0, 0.05))
        self.upstream.answers = {
            "primary": play(pause_s, completion()),
            "alternative": play(pause_s, whole_stream()),
        }
        connection, client = ServerConnection(self.server), ClientSide()
        connection.connection_made(client)
        leaves = chaos.chance(0.1)
        for piece in chaos.pieces(_requests(chaos)):
            if client.closed:
                break
            connection.data_received(piece)
            await asyncio.sleep(chaos.one((0.0, 0.0, 0.01)))
        await asyncio.sleep(0.01 if leaves else 30.0)
        if not client.closed and chaos.chance(0.5):
            connection.eof_received()
        connection.connection_lost(None)
        await asyncio.sleep(1.0)
        require(not self.crashes, f"crashed: {self.crashes!r}")
        require(self.server._in_flight == 0, "a request is still counted")
        check_answers(bytes(client.written), cut=leaves)


def _requests(chaos: Chaos) -> bytes:
    raw = b"".join(_request(chaos) for _ in range(1 + (chaos.below(3) if chaos.chance(0.3) else 0)))
    return chaos.broken(raw, 1 + chaos.below(3)) if chaos.chance(0.5) else raw


def _request(chaos: Chaos) -> bytes:
    body = json.dumps({"model": "query-enhancement", **CHAT, "stream": chaos.chance(0.3)}).encode()
    line = chaos.one(
        (b"POST /v1/chat/completions", b"GET /v1/models", b"HEAD /health", b"OPTIONS /x", b"GET /a?b=%ff")
    )
    if not line.startswith(b"POST"):
        body = b""
    elif chaos.chance(0.2):
        body = chaos.broken(body)
    version = b"HTTP/1.0" if chaos.chance(0.1) else b"HTTP/1.1"
    lines = [line + b" " + version, b"host: t"]
    lines += [chaos.one(_LINES).encode("latin-1") for _ in range(chaos.below(3) if chaos.chance(0.4) else 0)]
    if b"transfer-encoding: chunked" in lines:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif body:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


def check_answers(written: bytes, *, cut: bool) -> None:
    """Answers in turn, each well-formed. `cut`: the client left, so that the last one may be short."""
    while written:
        head, separator, rest = written.partition(b"\r\n\r\n")
        require(separator, f"no end of the headers: {written[:200]!r}")
        line, *lines = head.decode("latin-1").split("\r\n")
        require(line.startswith("HTTP/1.1 "), f"status line {line!r}")
        status = int(line.split(" ")[1])
        headers = dict(each.split(": ", 1) for each in lines)
        if status == 100:
            written = rest
            continue
        try:
            body, written = _body(headers, rest)
        except (IndexError, ValueError) as error:
            if cut:
                return
            raise Violated(f"a body without end: {rest[-200:]!r}") from error
        check_answer(_known(status), headers, body)


def _known(status: int) -> int:
    """What the server itself refuses with."""
    return 400 if status in (408, 431) else status


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    """The body and what follows it. Raises ValueError or IndexError where it is not whole."""
    if "content-length" in headers:
        length = int(headers["content-length"])
        if len(rest) < length:
            raise ValueError("short")
        return rest[:length], rest[length:]
    if headers.get("transfer-encoding") != "chunked":
        is_open = headers.get("content-type", "").startswith("text/event-stream")
        return (rest, b"") if is_open else (b"", rest)
    body = bytearray()
    while True:
        size_text, rest = rest.split(b"\r\n", 1)
        size = int(size_text, 16)
        if len(rest) < size + 2 or rest[size : size + 2] != b"\r\n":
            raise ValueError("short")
        body += rest[:size]
        rest = rest[size + 2 :]
        if size == 0:
            return bytes(body), rest
