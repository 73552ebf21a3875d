"""The route table that can change without a deploy: the bundle's first, then whatever its source has.

It is read lazily and beside the traffic: a request takes the table that is there, and at most starts a look for a newer
one. So a cold start needs no call, and no request ever waits for one. On Lambda, where a process is frozen between
requests, a change arrives with the second request after it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from lambdas.router.route_table import RouteTable, RouteTableError
from lambdas.router.route_table_source import LastGood

EVERY_S = 10.0
_MOST_S = 300.0  # between two looks, while they fail


class TableUnavailable(Exception):
    """The source has no table for us. `code` says why, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Version(Protocol):
    """A table as its source has it."""

    @property
    def text(self) -> bytes: ...

    @property
    def etag(self) -> str: ...


class TableSource(Protocol):
    """Where newer tables are."""

    async def fetch(self, etag: str | None) -> Version | None:
        """The table; None where it still is the one with `etag`. Raises TableUnavailable."""

    def close(self) -> None:
        """Close what is open."""


class RefreshReports(Protocol):
    """Told of what becomes of the looks. A failure is told once, until another follows or a look succeeds."""

    def changed(self, etag: str) -> None:
        """Another table is in force."""

    def unavailable(self, code: str) -> None:
        """There is nothing to be had; the last good table stays."""

    def invalid(self, etag: str, error: RouteTableError) -> None:
        """What there is cannot be used; the last good table stays."""


class RefreshedTable:
    """A `RouteTableSource` over `first` and what `source` has since. `clock` gives seconds and never goes back."""

    def __init__(
        self,
        first: RouteTable,
        source: TableSource,
        reports: RefreshReports,
        *,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last_good = LastGood(first)
        self._source = source
        self._reports = reports
        self._every_s = every_s
        self._clock = clock
        self._due_s = clock()
        self._failures = 0
        self._told: str | None = None  # the failure that was told last
        self._etag: str | None = None  # of what was looked at last, good or not: neither is looked at twice
        self._look: asyncio.Task[None] | None = None

    def current(self) -> RouteTable:
        """The last good table, at once."""
        if self._look is None and self._clock() >= self._due_s:
            self._look = asyncio.ensure_future(self._refresh())
            self._look.add_done_callback(self._looked)
        return self.known()

    def known(self) -> RouteTable:
        """The last good table, without a look."""
        return self._last_good.current()

    async def close(self) -> None:
        """Give up the look that is under way, if there is one, and close the source."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        self._source.close()

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._look = None
        failures = self._failures
        self._due_s = self._clock() + min(self._every_s * (1 << failures), max(self._every_s, _MOST_S))
        if not look.cancelled() and (bug := look.exception()) is not None:
            self._failures = min(failures + 1, 10)
            self._tell_unavailable(type(bug).__name__)

    async def _refresh(self) -> None:
        try:
            version = await self._source.fetch(self._etag)
        except TableUnavailable as error:
            self._failures = min(self._failures + 1, 10)
            self._tell_unavailable(error.code)
            return
        self._failures, self._told = 0, None
        if version is None:
            return
        self._etag = version.etag or None
        try:
            before = self._last_good.current()
            if self._last_good.offer(version.text) != before:
                self._reports.changed(version.etag)
        except RouteTableError as error:
            self._reports.invalid(version.etag, error)

    def _tell_unavailable(self, code: str) -> None:
        if self._told != code:
            self._told = code
            self._reports.unavailable(code)
