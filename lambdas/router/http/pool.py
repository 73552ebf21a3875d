"""The kept connections to one origin, newest first: the newest is the least likely to have gone stale."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import cast

from lambdas.router.http.connection import Connection
from lambdas.router.http.errors import ConnectFailed, TimedOut
from lambdas.router.http.origin import Origin
from lambdas.router.http.tls import client_context

CONNECT_TIMEOUT_S = 3.0
MAX_CONNECTIONS = 512  # towards one origin; more requests wait for one
MAX_IDLE_S = 50.0  # AWS's front ends close idle connections after a minute


class Pool:
    """Belongs to one event loop."""

    def __init__(self, origin: Origin, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._origin = origin
        self._idle: deque[Connection] = deque()
        self._max_connections = max_connections
        self._in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.now_s = asyncio.get_running_loop().time

    def claim(self) -> bool:
        """Claim the right to use one more connection; False when all are in use. Give it back with `give_back`."""
        if self._in_use >= self._max_connections:
            return False
        self._in_use += 1
        return True

    async def wait_to_claim(self, due_s: float) -> None:
        """Claim it when another request gives its own back. Raises TimedOut."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(due_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it came in the same moment
            turn.cancel()
            if isinstance(error, TimeoutError):
                raise TimedOut("connect") from error
            raise

    def give_back(self) -> None:
        """Give up what was claimed: to whoever waits longest, if anybody does."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._in_use -= 1

    def take(self) -> Connection | None:
        """The newest kept connection that is still open, or None."""
        oldest_s = self.now_s() - MAX_IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since_s >= oldest_s:
                return connection
            connection.drop()
        return None

    async def connect(self, due_s: float) -> Connection:
        """A new connection, within `CONNECT_TIMEOUT_S` and by `due_s`. Raises ConnectFailed, TimedOut."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(due_s, loop.time() + CONNECT_TIMEOUT_S)):
                return await self._connected(loop)
        except TimeoutError as error:
            raise TimedOut("connect") from error
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a host name may not be encodable
            raise ConnectFailed(type(error).__name__) from error

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> Connection:
        origin = self._origin
        transport, connection = await loop.create_connection(
            lambda: Connection(loop),
            origin.host,
            origin.port,
            ssl=client_context() if origin.is_tls else None,
        )
        sock = cast(socket.socket, transport.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def keep(self, connection: Connection) -> None:
        """Take a connection back whose exchange is over; one that cannot be used again is closed."""
        if not connection.is_reusable:
            connection.drop()
            return
        now_s = connection.idle_since_s = self.now_s()
        self._idle.append(connection)
        while not self._idle[0].is_open or self._idle[0].idle_since_s < now_s - MAX_IDLE_S:
            self._idle.popleft().drop()

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop().drop()
