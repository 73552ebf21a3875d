"""Requests to one server: kept connections, time limits, bounded answers."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import NamedTuple

from lambdas.router.http.connection import Connection, ResponseHead
from lambdas.router.http.errors import ConnectionLost
from lambdas.router.http.origin import Origin
from lambdas.router.http.pool import Pool

STALE_S = 1.0  # within which a server resets a connection that it had closed: a way there and back


class Fetched(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """Asks one origin. Opens nothing before the first request; its connections belong to that request's loop."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fetch(self, request: bytes, due_s: float, limit_bytes: int) -> Fetched:
        """The whole answer to the bytes of a request, by `due_s` on the loop's clock. Raises HttpError."""
        async with self.exchange(request, due_s) as exchange:
            body = await exchange.connection.body(due_s, limit_bytes)
            return Fetched(exchange.head.status, exchange.head.headers, body)

    def exchange(self, request: bytes, head_due_s: float) -> Exchange:
        """An answer that is read bit by bit; its head is there by `head_due_s`."""
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            self._pool, self._loop = Pool(self.origin), loop
        return Exchange(self._pool, request, head_due_s)

    def close(self) -> None:
        """Close the kept connections."""
        if self._pool is not None:
            self._pool.close()


class Exchange:
    """A request and its answer, as a context: inside it `head` is there, and the body is read from `connection`.

    Entering raises HttpError. The connection is kept when the body was read to its end; it is closed at once when the
    block ends in any other way: an error, a cancellation, a body that nobody wants to the end.
    """

    head: ResponseHead
    connection: Connection

    def __init__(self, pool: Pool, request: bytes, head_due_s: float) -> None:
        self._pool = pool
        self._request = request
        self._due_s = head_due_s

    async def __aenter__(self) -> Exchange:
        pool, due_s = self._pool, self._due_s
        if not pool.claim():
            await pool.wait_to_claim(due_s)
        try:
            kept, asked_s = pool.take(), pool.now_s()
            self.connection = kept or await pool.connect(due_s)
            try:
                self.head = await self.connection.ask(self._request, due_s)
            except ConnectionLost as error:
                if kept is None or error.began or pool.now_s() > asked_s + STALE_S:
                    raise
                # The server had closed it, as it does with idle ones, which nobody notices while Lambda has frozen the
                # process. Nothing came back on it, and that at once, so that says nothing about the server: a new one
                # tells. One that is lost later was lost over the request, which is not asked twice unbidden.
                await self._ask_once_more()
        except BaseException:
            pool.give_back()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.keep(self.connection)  # which closes it unless its exchange is over
        self._pool.give_back()

    async def _ask_once_more(self) -> None:
        """Ask on a new connection. Where it is lost as the kept one was, that one was not stale: the server hangs up on
        requests, and this one was sent twice. All that are kept are closed: nobody is to be asked on each of them.
        """
        self.connection = await self._pool.connect(self._due_s)
        try:
            self.head = await self.connection.ask(self._request, self._due_s)
        except ConnectionLost as error:
            if error.began:
                raise
            self._pool.close()
            raise ConnectionLost(began=False, asked=2) from error
