"""One accepted connection: requests in turn, answers whole or streamed, and clients that go away.

A client that is gone cancels the work on its request at once, whatever it waits for. One that reads slowly slows its
stream down; one that stops reading is given up.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from enum import StrEnum
from typing import Protocol, cast

from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import RawRequest, RequestReader
from lambdas.router.http.response_head import CONTINUE, LAST_CHUNK, chunk, render_head
from lambdas.router.messages import Response, StreamedBody


class Phase(StrEnum):
    """What a connection is doing."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ANSWERING = "answering"
    STALLED = "stalled"  # the client takes nothing of its answer
    LINGERING = (
        "lingering"  # a refused client may still be sending: it would see a reset instead of the answer
    )


LIMITS_S = {
    Phase.IDLE: 75.0,  # longer than load balancers keep connections (60 s), so that they are the ones to close
    Phase.HEAD: 10.0,
    Phase.BODY: 30.0,
    Phase.ANSWERING: math.inf,  # the core has a deadline of its own
    Phase.STALLED: 30.0,
    Phase.LINGERING: 2.0,
}


class Host(Protocol):
    """The server that a connection belongs to."""

    loop: asyncio.AbstractEventLoop
    is_closing: bool

    def opened(self, connection: ServerConnection) -> None: ...
    def closed(self, connection: ServerConnection) -> None: ...
    def max_body_bytes(self) -> int: ...
    def begin(self) -> None:
        """A connection begins to answer."""

    def end(self) -> None:
        """It has nothing to answer any more."""

    def answer(self, request: RawRequest) -> Awaitable[Response]: ...
    def refusal(self, refused: Refused) -> Response: ...
    def crashed(self, error: Exception) -> None: ...


class ServerConnection(asyncio.Protocol):
    """It reads on while it answers, so that a client's going is noticed; a second request ahead stays unread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._reader = RequestReader(host.max_body_bytes)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._refused: Refused | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_paused = False
        self._phase = Phase.LINGERING
        self._enter(Phase.IDLE)

    def _enter(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase = phase
            self._due_s = self._host.loop.time() + LIMITS_S[phase]

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._host.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._refused is not None:
            return
        try:
            self._reader.feed(data)
        except Refused as refused:
            self._refused = refused
        except Exception as error:  # noqa: BLE001 - nobody else hears of it: the host tells, the client is cut off
            self._host.crashed(error)
            self.abort()
            return
        if self._task is not None:
            self._pause_ahead()
        elif self._reader.ready:
            self._start()
        elif self._refused is not None:
            self._refuse(self._refused)
        else:
            self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._host.closed(self)
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._drained = self._host.loop.create_future()
        self._enter(Phase.STALLED)

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
        if self._task is not None:
            self._enter(Phase.ANSWERING)

    # What the server asks

    def look(self, now_s: float) -> None:
        """Give up what has lasted too long. Called about once a second."""
        if now_s < self._due_s:
            return
        if self._phase in (Phase.HEAD, Phase.BODY):
            self._refuse(Refused(408, "The request did not arrive in time."))
        else:
            self.abort()

    def finish(self) -> None:
        """Close unless a request is under way; after that one otherwise."""
        if self._phase is Phase.IDLE and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; whatever is under way is cancelled."""
        if self._transport is not None:
            self._transport.abort()

    # Reading

    def _read_on(self) -> None:
        reader = self._reader
        if not reader.is_in_request:
            self._enter(Phase.IDLE)
            return
        self._enter(Phase.BODY if reader.has_head else Phase.HEAD)
        if reader.wants_continue:
            reader.wants_continue = False
            self._write(CONTINUE)

    def _pause_ahead(self) -> None:
        if self._reader.ready and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answer what cannot be read, and hear no more of this client."""
        self._refused = refused
        self._enter(Phase.LINGERING)
        response = self._host.refusal(refused)
        body = response.body if isinstance(response.body, bytes) else b""
        self._write(render_head(response.status, response.headers, length=len(body), keep_alive=False) + body)
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    # Answering

    def _start(self) -> None:
        self._enter(Phase.ANSWERING)
        self._task = self._host.loop.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        keep_alive = True
        self._host.begin()  # here: a task that is cancelled before it begins would never end
        try:
            while keep_alive and self._reader.ready:
                request = self._reader.ready.popleft()
                response = await self._host.answer(request)
                keep_alive = request.keep_alive and not self._host.is_closing
                body = response.body
                if isinstance(body, bytes):
                    self._send(request, response, body, keep_alive)
                    if self._drained is not None:
                        await self._drained
                else:
                    keep_alive = keep_alive and request.takes_chunks
                    await self._stream(response, body, request.takes_chunks, keep_alive)
        except Exception as error:  # noqa: BLE001 - nobody waits for this task: the host tells, the client is cut off
            self._host.crashed(error)
            self.abort()
        finally:
            self._task = None
            self._host.end()
        self._after(keep_alive)

    def _after(self, keep_alive: bool) -> None:
        if self._transport is None:
            return
        if not keep_alive:
            self._transport.close()
        elif self._refused is not None:
            self._refuse(self._refused)
        else:
            self._read_on()
            self._resume()
            if self._host.is_closing:  # a stream's head, which lets the connection stay, was sent before
                self.finish()

    def _send(self, request: RawRequest, response: Response, body: bytes, keep_alive: bool) -> None:
        length = None if request.method == "HEAD" or response.status == 204 else len(body)
        head = render_head(response.status, response.headers, length=length, keep_alive=keep_alive)
        self._write(head + body)

    async def _stream(
        self, response: Response, body: StreamedBody, takes_chunks: bool, keep_alive: bool
    ) -> None:
        """Send pieces as they come. Without chunks the end of the connection is the end of the body."""
        head = render_head(
            response.status, response.headers, length=None, keep_alive=keep_alive, chunked=takes_chunks
        )
        try:
            async for piece in body:
                self._write(head + (chunk(piece) if takes_chunks else piece))
                head = b""  # it went with the first piece, which is there when the answer begins
                if self._drained is not None:
                    await self._drained
            self._write(head + (LAST_CHUNK if takes_chunks else b""))
        finally:
            await body.aclose()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
