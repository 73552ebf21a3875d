"""A stand-in for SageMaker inside the process: scripted answers, pieces, faults and pauses, by the loop's clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.ports import Call
from tests.unit.router.virtual import now_s


@dataclass(frozen=True)
class Play:
    """An answer over time: numbers are pauses in seconds, bytes are pieces, a fault ends it."""

    steps: tuple[float | bytes | UpstreamError, ...]


def play(*steps: float | bytes | UpstreamError) -> Play:
    return Play(steps)


FakeAnswer = bytes | UpstreamError | Play


@dataclass(frozen=True)
class Limits:
    """What an attempt was allowed, in seconds; a whole answer has but a total."""

    total_s: float
    first_s: float | None = None
    idle_s: float | None = None


class FakeUpstream:
    """Answers per variant; a list has one answer for each attempt, the last one for all that follow.

    Keeps what `Upstream` promises: its limits, and `UpstreamError` alone. Remembers calls, their limits and times, and
    the variants whose attempts were dropped.
    """

    def __init__(self, **answers: FakeAnswer | Sequence[FakeAnswer]) -> None:
        self.answers = answers
        self._turns: dict[str, int] = {}
        self.calls: list[Call] = []
        self.limits: list[Limits] = []
        self.times_s: list[float] = []
        self.dropped: list[str] = []

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        steps = self._begin(call, Limits(timeout_s))
        try:
            async with asyncio.timeout(timeout_s):
                return b"".join([piece async for piece in _played(steps)])
        except TimeoutError:
            raise _too_late("DeadlineExceeded") from None
        except asyncio.CancelledError:
            self.dropped.append(call.variant)
            raise

    async def stream(
        self, call: Call, *, first_s: float, idle_s: float, total_s: float
    ) -> AsyncGenerator[bytes, None]:
        pieces = _played(self._begin(call, Limits(total_s, first_s, idle_s)))
        end_s, limit_s, code = now_s() + total_s, first_s, "FirstByteTimeout"
        try:
            while True:
                left_s = end_s - now_s()
                try:
                    async with asyncio.timeout(min(limit_s, left_s)):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise _too_late(code if limit_s < left_s else "DeadlineExceeded") from None
                if piece is None:
                    return
                yield piece
                limit_s, code = idle_s, "IdleTimeout"
        except (asyncio.CancelledError, GeneratorExit):
            self.dropped.append(call.variant)
            raise

    @property
    def asked(self) -> list[str]:
        return [call.variant for call in self.calls]

    def body(self, index: int = 0) -> dict[str, Any]:
        """The body that the container got, decoded."""
        document: dict[str, Any] = json.loads(self.calls[index].body)
        return document

    def _begin(self, call: Call, limits: Limits) -> tuple[float | bytes | UpstreamError, ...]:
        self.calls.append(call)
        self.limits.append(limits)
        self.times_s.append(now_s())
        answer = self.answers[call.variant]
        if isinstance(answer, Sequence) and not isinstance(answer, bytes):
            turn = self._turns.get(call.variant, 0)
            self._turns[call.variant] = turn + 1
            answer = answer[min(turn, len(answer) - 1)]
        return answer.steps if isinstance(answer, Play) else (answer,)


async def _played(steps: tuple[float | bytes | UpstreamError, ...]) -> AsyncGenerator[bytes, None]:
    for step in steps:
        if isinstance(step, UpstreamError):
            raise step
        if isinstance(step, bytes):
            if step:
                yield step
        else:
            await asyncio.sleep(step)


def _too_late(code: str) -> UpstreamError:
    return UpstreamError(FaultSource.TIMEOUT, f"no answer in time ({code})", code=code)
