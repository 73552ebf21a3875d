"""A streamed answer: until its first token it may still fall over, after it every fault is told in the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Self

from lambdas.router.asking.failed import stream_error
from lambdas.router.errors import error_object
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.ports import StreamReader
from lambdas.router.sse import encode_event
from lambdas.router.trace import Ended

LINGER_S = 0.25  # after the end marker: a connection that ends in order can be used again
MAX_WHOLE_BYTES = 1_600_000
"""A Lambda answers with at most 6 MB of JSON, in which a whole stream is a string with escapes."""


class LiveStream:
    """One candidate's stream, from before its first piece on.

    The upstream bounds the wait for each piece; this bounds the wait for what counts, because a model server can keep a
    connection busy (comments, empty deltas) without saying anything.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        reader: StreamReader,
        *,
        idle_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._pieces = pieces
        self._idle_s = idle_s
        self._clock = clock
        self._heard_s = clock()
        self.reader = reader
        self.events: list[bytes] = []  # read, and not yet given out
        self.ended = False

    async def begin(self, first_s: float) -> None:
        """Read up to the first token. Raises `UpstreamError`, the connection dropped, after `first_s` seconds too."""
        try:
            async with asyncio.timeout(first_s):
                while not self.ended and not self.reader.first_token:
                    await self.read_on()
        except TimeoutError as error:
            await self.close()
            told = f"no first token within {first_s:.1f} s"
            raise UpstreamError(FaultSource.TIMEOUT, told, code="FirstTokenTimeout") from error
        except BaseException:
            await self.close()
            raise

    async def read_whole(self) -> bytes:
        """Read to the end. Raises `UpstreamError`, the connection dropped."""
        whole = bytearray()
        try:
            while True:
                whole += b"".join(self.take())
                if len(whole) > MAX_WHOLE_BYTES:
                    told = f"the answer exceeds {MAX_WHOLE_BYTES} bytes"
                    raise UpstreamError(FaultSource.ANSWER, told, code="AnswerTooLarge")
                if self.ended:
                    return bytes(whole)
                await self.read_on()
        except BaseException:
            await self.close()
            raise

    async def read_on(self) -> None:
        """Read one piece more. Raises `UpstreamError`."""
        if self.reader.complete:
            await self.end_in_order()
            return
        piece = await anext(self._pieces, None)
        events = [] if piece is None else self.reader.feed(piece)
        if piece is None or self.reader.complete:
            events += self.reader.finish()
            self.ended = piece is None
        self._check_progress(bool(events) or self.ended)
        self.events += events

    def take(self) -> list[bytes]:
        """What was read and not yet given out."""
        events, self.events = self.events, []
        return events

    async def close(self) -> None:
        """Drop the connection, unless it has ended in order."""
        self.ended = True
        await self._pieces.aclose()

    def _check_progress(self, progress: bool) -> None:
        now_s = self._clock()
        if progress:
            self._heard_s = now_s
        elif self.reader.first_token and now_s - self._heard_s > self._idle_s:
            told = f"nothing but noise for {self._idle_s:.1f} s"
            raise UpstreamError(FaultSource.TIMEOUT, told, code="IdleTimeout")

    async def end_in_order(self) -> None:
        """The answer is complete: whatever goes wrong now goes wrong for nobody."""
        if self.ended:
            return
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(LINGER_S):
                async for _ in self._pieces:
                    pass
        await self.close()


class LiveBody:
    """The caller's side of a stream that has begun.

    `ended` is told once or more; the first time counts. `seen` is shown all that is given out of the answer.
    """

    def __init__(
        self,
        stream: LiveStream,
        ended: Callable[[Ended, UpstreamError | None], None],
        seen: Callable[[bytes], None] | None = None,
    ) -> None:
        self._stream = stream
        self._ended = ended
        self._seen = seen

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
                return await self._broken(fault)
            except Exception as bug:  # noqa: BLE001 - the caller's connection outlives a fault of the router too
                return await self._broken(_own_fault(bug))
        events = stream.take()
        piece = events[0] if len(events) == 1 else b"".join(events)
        if self._seen is not None:
            self._seen(piece)
        return piece

    async def _broken(self, fault: UpstreamError) -> bytes:
        await self._stream.close()
        self._ended(Ended.ERROR, fault)
        return encode_event(json.dumps(error_object(stream_error(fault))))

    async def aclose(self) -> None:
        """The caller has all of it, or has gone. Many leave at the end marker, before the end of the stream."""
        stream = self._stream
        if stream.reader.complete and not stream.take():
            self._ended(Ended.COMPLETE, None)
            await stream.end_in_order()
        else:
            self._ended(Ended.GONE, None)
            await stream.close()


def _own_fault(bug: Exception) -> UpstreamError:
    """Its type alone: its text may quote the answer."""
    return UpstreamError(FaultSource.SETUP, "the router failed", code=type(bug).__name__)
