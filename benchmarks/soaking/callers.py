"""Callers in a closed loop who account for every request: what was sent is answered, refused, interrupted or left."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from random import Random
from typing import cast

import httptools

from benchmarks.soaking.faults import STREAMED_USE_CASE, WHOLE_USE_CASE
from tests.faults.behaviours import TEXT
from tests.faults.stage import chat

LEAVING = 0.02  # of the streams: the caller hangs up after the first piece
_DONE = b"data: [DONE]\n\n"


def _request(name: str, *, stream: bool) -> bytes:
    body = json.dumps(chat(name, stream=stream)).encode()
    lines = b"POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\ncontent-type: application/json\r\n"
    head = lines + b"content-length: %d\r\n\r\n"
    return head % len(body) + body


_WHOLE, _STREAMED = _request(WHOLE_USE_CASE, stream=False), _request(STREAMED_USE_CASE, stream=True)


class Account:
    """Where every request went. `lost` are those that the router owes something for, with what came instead."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended: Counter[str] = Counter()
        self.lost: list[str] = []

    def judge(self, stream: bool, status: int, body: bytes) -> None:
        """A response that came to its end."""
        if status >= 400:
            self._end("refused" if _is_error(body) else "", body)
        elif not stream:
            self._end("answered" if TEXT.encode() in body else "", body)
        elif body.endswith(_DONE):
            self._end("answered" if body.count(b'"content":"') >= 3 else "", body)
        else:
            self._end("interrupted" if b"stream_interrupted" in body[-600:] else "", body)

    def left(self) -> None:
        """The caller hung up."""
        self.ended["left"] += 1

    def cut(self, body: bytes) -> None:
        """The router hung up within an answer, or without one."""
        self._end("", body)

    def _end(self, how: str, body: bytes) -> None:
        if how:
            self.ended[how] += 1
        else:
            self.ended["lost"] += 1
            self.lost.append(repr(body[-300:]))


class Caller(asyncio.Protocol):
    """One connection: asks again as soon as it has its answer, until `stop` is set."""

    def __init__(self, account: Account, random: Random, stop: asyncio.Event, stream: bool) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._account = account
        self._random = random
        self._stop = stop
        self._stream = stream
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._waits = False
        self._leaves = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        if self._stop.is_set():
            self._transport.close()
            return
        self._body, self._waits = [], True
        self._leaves = self._stream and self._random.random() < LEAVING
        self._account.sent += 1
        self._transport.write(_STREAMED if self._stream else _WHOLE)

    def data_received(self, data: bytes) -> None:
        if not self._waits:
            return
        if self._leaves:
            self._waits = False
            self._account.left()
            self._transport.abort()
            return
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._waits = False
        self._account.judge(self._stream, self._parser.get_status_code(), b"".join(self._body))
        asyncio.get_running_loop().call_soon(self._ask)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._waits:
            self._account.cut(b"".join(self._body))
        self.closed.set_result(None)


async def call(port: int, connections: int, account: Account, stop: asyncio.Event, seed: int) -> None:
    """Keep so many callers at it until `stop`; every third one streams. A connection that ends is opened anew."""

    async def keep(number: int) -> None:
        random = Random(f"{seed}:{number}")  # noqa: S311 - reproducible is what it must be
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            caller = Caller(account, random, stop, stream=number % 3 == 0)
            await loop.create_connection(lambda: caller, "127.0.0.1", port)  # noqa: B023 - called at once
            await caller.closed

    await asyncio.gather(*(keep(number) for number in range(connections)))


def _is_error(body: bytes) -> bool:
    try:
        return set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
    except (ValueError, LookupError, TypeError):
        return False
