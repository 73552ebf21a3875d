"""Accepts connections, bounds them, and drains them in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.http.serving import ServerConnection
from lambdas.router.messages import Response

MAX_IN_FLIGHT = 512  # requests that are answered at once; more get a 503
MAX_CONNECTIONS = 2048  # more are closed unheard: each takes a file descriptor
LOOK_EVERY_S = 1.0
_BACKLOG = 1024


class App(NamedTuple):
    """What is served. Only `crashed` hears of exceptions: none of the others may raise any."""

    answer: Callable[[RawRequest], Awaitable[Response]]
    refusal: Callable[[Refused], Response]  # for requests that cannot be read, or are too many
    max_body_bytes: Callable[[], int]
    crashed: Callable[[Exception], None]


class HttpServer:
    """Serves `app` on one port of one event loop."""

    def __init__(
        self, app: App, *, max_in_flight: int = MAX_IN_FLIGHT, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_closing = False
        self.max_body_bytes = app.max_body_bytes
        self.refusal = app.refusal
        self.crashed = app.crashed
        self._app = app
        self._max_in_flight = max_in_flight
        self._max_connections = max_connections
        self._in_flight = 0
        self._connections: set[ServerConnection] = set()
        self._server: asyncio.Server | None = None
        self._look: asyncio.TimerHandle | None = None
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    async def listen(self, host: str, port: int) -> int:
        """Begin to accept, and return the port (of use when `port` was 0). Raises OSError."""
        self._server = await self.loop.create_server(
            lambda: ServerConnection(self), host, port, backlog=_BACKLOG
        )
        self._look_around()
        return int(self._server.sockets[0].getsockname()[1])

    async def drain(self, limit_s: float) -> None:
        """Accept nothing more, finish what is under way, and close. What outlasts `limit_s` seconds is cancelled."""
        self.is_closing = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.finish()
        try:
            async with asyncio.timeout(limit_s):
                await self._all_closed.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(0)  # lets the cancelled tasks end
        if self._look is not None:
            self._look.cancel()

    def _look_around(self) -> None:
        now_s = self.loop.time()
        for connection in list(self._connections):
            connection.look(now_s)
        self._look = self.loop.call_later(LOOK_EVERY_S, self._look_around)

    # What connections tell and ask

    def opened(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self._all_closed.clear()
        if len(self._connections) > self._max_connections:
            connection.abort()

    def closed(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    def begin(self) -> None:
        self._in_flight += 1

    def end(self) -> None:
        self._in_flight -= 1

    def answer(self, request: RawRequest) -> Awaitable[Response]:
        return self._overloaded() if self._in_flight > self._max_in_flight else self._app.answer(request)

    async def _overloaded(self) -> Response:
        return self.refusal(Refused(503, "The router has as many requests in flight as it takes."))
