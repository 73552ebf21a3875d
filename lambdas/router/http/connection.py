"""One connection to a server: one exchange at a time, and the answer whole or piece by piece.

The parser's callbacks run inside `data_received`; a coroutine that waits is woken once for everything that came with
one segment. Reading stops while nobody takes the pieces, so that a slow client slows the server down.
"""

from __future__ import annotations

import asyncio
import math
from typing import cast

import httptools

from lambdas.router.http.errors import BadResponse, ConnectionLost, HttpError, TimedOut

MAX_HEAD_BYTES = 64 * 1024
_PAUSE_BYTES = 256 * 1024  # unread pieces beyond which reading stops
_FINAL = 200  # below are interim answers, such as 100 Continue


class ResponseHead:
    """Status and headers. Names are lower case; of a repeated one the last counts."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}


class Connection(asyncio.Protocol):
    """`ask`, then `body`, or `piece` until it is empty. After any error, or half-way: `drop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._due_s = 0.0  # for whoever waits
        # One timer for all waits of a connection: each is due later than the one before, as a rule, so that nearly all
        # of them find a timer that will look.
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at_s = math.inf
        self.is_open = False
        self.idle_since_s = 0.0
        self._reset()

    def _reset(self) -> None:
        self._head = ResponseHead()
        self._head_bytes = 0
        self._has_head = False
        self._is_active = False
        self._is_complete = False
        self._is_paused = False
        self._whole_limit_bytes: int | None = None
        self._pieces: list[bytes] = []
        self._buffered_bytes = 0
        self._error: HttpError | None = None

    # What a caller does

    async def ask(self, request: bytes, due_s: float) -> ResponseHead:
        """Send the bytes of a whole request; status and headers of the answer, by `due_s` on the loop's clock.

        Raises HttpError. Whatever it raises, the connection is dropped.
        """
        self._reset()
        self._is_active = True
        if self._transport is None or not self.is_open:
            self._error = ConnectionLost(began=False)
        else:
            self._transport.write(request)
        try:
            while not self._has_head:
                await self._arrival(due_s)
        except BaseException:
            self.drop()
            raise
        return self._head

    async def body(self, due_s: float, limit_bytes: int) -> bytes:
        """The whole body, by `due_s`. Raises HttpError."""
        self._whole_limit_bytes = limit_bytes
        if self._is_paused:
            self._resume()
        while not self._is_complete and self._buffered_bytes <= limit_bytes:
            await self._arrival(due_s)
        if self._buffered_bytes > limit_bytes:
            raise BadResponse(f"the answer exceeds {limit_bytes} bytes", too_large=True)
        return self._take()

    async def piece(self, due_s: float) -> bytes:
        """What has come since, or what comes next by `due_s`; empty when the body is over. Raises HttpError."""
        while not self._pieces:
            if self._is_complete:
                return b""
            await self._arrival(due_s)
        piece = self._take()
        if self._is_paused:
            self._resume()
        return piece

    @property
    def is_reusable(self) -> bool:
        """Whether the exchange is over, its body taken, and another one may follow."""
        return self.is_open and self._is_complete and not self._is_paused and not self._pieces

    def drop(self) -> None:
        """Close at once, whatever is under way."""
        self.is_open = False
        self._look_no_more()
        if self._transport is not None:
            self._transport.abort()

    def _arrival(self, due_s: float) -> asyncio.Future[None]:
        """Done when there is more, when there is an error, and at `due_s`. Raises the error that there is."""
        if self._error is not None:
            raise self._error
        self._due_s = due_s
        if self._looks_at_s > due_s:
            self._look_at(due_s)
        self._waiter = self._loop.create_future()
        return self._waiter

    def _look_at(self, at_s: float) -> None:
        self._look_no_more()
        self._timer, self._looks_at_s = self._loop.call_at(at_s, self._look), at_s

    def _look_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._looks_at_s = None, math.inf

    def _look(self) -> None:
        self._look_no_more()
        if self._waiter is None:
            return
        if self._loop.time() < self._due_s:
            self._look_at(self._due_s)
        else:
            self._fail(TimedOut("answer"))

    def _take(self) -> bytes:
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered_bytes = 0
        return taken

    def _resume(self) -> None:
        self._is_paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _fail(self, error: HttpError) -> None:
        self._error = self._error or error
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self._is_active:  # nobody asked: what a server says before it closes, or worse
            self.drop()
            return
        if not self._has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BadResponse(f"not HTTP/1.1: {type(error).__name__}"))
            return
        if not self._has_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(BadResponse(f"the headers exceed {MAX_HEAD_BYTES} bytes", too_large=True))
            return
        limit = self._whole_limit_bytes
        if limit is None or self._is_complete or self._buffered_bytes > limit:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._look_no_more()
        if not self._is_active:
            return
        if exc is None and self._ends_with_the_connection():
            self._finish()
            self._wake()
        else:
            self._fail(ConnectionLost(began=self._head_bytes > 0))

    def _ends_with_the_connection(self) -> bool:
        """An answer without a length ends where the connection does."""
        headers = self._head.headers
        return self._has_head and "content-length" not in headers and "transfer-encoding" not in headers

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._is_complete:  # bytes after the answer: whatever they are, nobody asked for them
            self.is_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:
            self._head.headers[name.lower().decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self._is_complete:
            self._head.status = self._parser.get_status_code()
            self._has_head = self._head.status >= _FINAL

    def on_body(self, data: bytes) -> None:
        if self._is_complete:
            return
        self._pieces.append(data)
        self._buffered_bytes += len(data)
        if self._whole_limit_bytes is None and self._buffered_bytes > _PAUSE_BYTES:
            self._pause()

    def _pause(self) -> None:
        if not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if not self._has_head:
            self._head = ResponseHead()  # an interim answer; the real one follows
        elif not self._is_complete:
            self._finish()
            self.is_open = self.is_open and self._parser.should_keep_alive()

    def _finish(self) -> None:
        self._is_complete = True
        self._is_active = False
