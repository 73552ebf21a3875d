"""A counter in memory that keeps `Counter`'s promises, takes its time, and fails when it is told to."""

from __future__ import annotations

import asyncio

from lambdas.router.limits.key_limits import CounterUnavailable
from lambdas.router.limits.window import Bucket


class FakeCounter:
    """`failing` is the code of every addition's failure; `takes_s` how long each takes. Remembers them all."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.additions: list[tuple[str, int]] = []
        self.failing: str | None = None
        self.takes_s = 0.05
        self.is_closed = False

    async def add(self, bucket: Bucket, amount: int, most: int | None, timeout_s: float) -> tuple[bool, int]:
        self.additions.append((bucket.window.unit, amount))
        if self.takes_s > timeout_s:
            await asyncio.sleep(timeout_s)
            raise CounterUnavailable("Timeout")
        await asyncio.sleep(self.takes_s / 2)
        if self.failing is not None:
            raise CounterUnavailable(self.failing)
        count = self.counts.get(bucket.id, 0)
        fits = most is None or count + amount <= most
        if fits:
            self.counts[bucket.id] = count = count + amount
        await asyncio.sleep(self.takes_s / 2)
        return fits, count

    def close(self) -> None:
        self.is_closed = True

    def of(self, unit: str) -> int:
        """The sum of all counts of "requests" or "tokens"."""
        return sum(count for name, count in self.counts.items() if name.startswith(f"{unit}#"))
