"""A streamed answer: until its first token it may still fall over, after it every fault is told in the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Self

from lambdas.router.errors import error_object
from lambdas.router.failures import UpstreamError, stream_error
from lambdas.router.ports import StreamReader
from lambdas.router.sse import encode_event
from lambdas.router.trace import Ended

LINGER_S = 0.25  # after the end marker: a connection that ends in order can be used again


class LiveStream:
    """One candidate's stream, from before its first piece on."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], reader: StreamReader) -> None:
        self._pieces = pieces
        self.reader = reader
        self.events: list[bytes] = []  # read, and not yet given out
        self.ended = False

    async def begin(self, *, whole: bool) -> None:
        """Read up to the first token, or to the end where `whole`. Raises `UpstreamError`, the connection dropped."""
        try:
            while not self.ended and (whole or not self.reader.first_token):
                await self.read_on()
        except BaseException:
            await self.close()
            raise

    async def read_on(self) -> None:
        """Read one piece more. Raises `UpstreamError`."""
        if self.reader.complete:
            await self._end_in_order()
            return
        piece = await anext(self._pieces, None)
        if piece is not None:
            self.events += self.reader.feed(piece)
        if piece is None or self.reader.complete:
            self.events += self.reader.finish()
            self.ended = piece is None

    async def close(self) -> None:
        """Drop the connection, unless it has ended in order."""
        self.ended = True
        await self._pieces.aclose()

    async def _end_in_order(self) -> None:
        # The answer is complete: whatever goes wrong now goes wrong for nobody.
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(LINGER_S):
                async for _ in self._pieces:
                    pass
        await self.close()


class LiveBody:
    """The caller's side of a stream that has begun."""

    def __init__(self, stream: LiveStream, ended: Callable[[Ended, UpstreamError | None], None]) -> None:
        self._stream = stream
        self._ended = ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        stream = self._stream
        while not stream.events:
            if stream.ended:
                self._ended(Ended.COMPLETE, None)
                raise StopAsyncIteration
            try:
                await stream.read_on()
            except UpstreamError as fault:
                await stream.close()
                self._ended(Ended.ERROR, fault)
                return encode_event(json.dumps(error_object(stream_error(fault))))
        events, stream.events = stream.events, []
        return events[0] if len(events) == 1 else b"".join(events)

    async def aclose(self) -> None:
        """The caller has all of it, or has gone."""
        await self._stream.close()
        self._ended(Ended.GONE, None)
