"""What processes tell each other of candidates: one item a candidate, that says until when it is to be left alone.

Everything is answered from memory; items are read and written beside the traffic. A process that cannot reach them goes
on with what it finds out itself, and lets them alone for a while. News arrive with a request after the one that began
the look: a process that is frozen between requests, as Lambda's are, looks with its next one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Protocol

from lambdas.router.asking.breakers import Key
from lambdas.router.outage import Outage

EVERY_S = 3.0  # between two looks at one candidate's item
TIMEOUT_S = 2.0
_PAUSE_S = 30.0  # for which items that do not answer are left alone


class ItemsUnavailable(Exception):
    """The item was not read or written, or nobody knows. `code` says why, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BreakerItems(Protocol):
    """Where processes meet. Times are seconds since the epoch. Raises ItemsUnavailable."""

    async def read(self, key: Key, timeout_s: float) -> float:
        """Until when the candidate is left alone; 0 where nobody ever said."""

    async def write(self, key: Key, until_s: float, timeout_s: float) -> None:
        """Say until when, unless a later time is there."""

    def close(self) -> None:
        """Close what is open."""


class ItemBreakers:
    """`SharedBreakers` over items. `wall` gives seconds since the epoch; `unavailable` is told once an outage."""

    def __init__(
        self,
        items: BreakerItems,
        *,
        wall: Callable[[], float] = time.time,
        unavailable: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._items = items
        self._wall = wall
        self._outage = Outage(_PAUSE_S, wall, unavailable)
        self._until_s: dict[Key, float] = {}
        self._disproved_s: dict[Key, float] = {}  # times up to here count no more: our own probe succeeded
        self._due_s: dict[Key, float] = {}  # the next look
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self, key: Key, for_s: float) -> None:
        """Tell the others soon."""
        now_s = self._wall()
        until_s = round(now_s + for_s, 3)  # as items have it: what is read back is no later time
        self._note(key, until_s)
        if not self._outage.is_paused(now_s):
            self._later(self._write(key, until_s))

    def closed(self, key: Key) -> None:
        """Believe our own probe rather than what was said before it. The others find out by their own."""
        known_s = self._until_s.pop(key, 0.0)
        self._disproved_s[key] = max(known_s, self._disproved_s.get(key, 0.0))

    def open_for_s(self, key: Key) -> float:
        """What is known now; looks for newer beside the request where that is due."""
        now_s = self._wall()
        if now_s >= self._due_s.get(key, 0.0) and not self._outage.is_paused(now_s):
            self._due_s[key] = now_s + EVERY_S
            self._later(self._read(key))
        return max(0.0, self._until_s.get(key, 0.0) - now_s)

    async def close(self) -> None:
        """Wait for what is under way, each of which has a limit of its own, and close the items."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._items.close()

    def _note(self, key: Key, until_s: float) -> None:
        if until_s > max(self._until_s.get(key, 0.0), self._disproved_s.get(key, 0.0)):
            self._until_s[key] = until_s

    async def _read(self, key: Key) -> None:
        try:
            self._note(key, await self._items.read(key, TIMEOUT_S))
        except ItemsUnavailable as error:
            self._outage.failed(error.code)
        else:
            self._outage.ended()

    async def _write(self, key: Key, until_s: float) -> None:
        try:
            await self._items.write(key, until_s, TIMEOUT_S)
        except ItemsUnavailable as error:
            self._outage.failed(error.code)
        else:
            self._outage.ended()

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
