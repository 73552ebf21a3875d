"""Reserves of a key's limits before a model is asked, and settles when the answer is known.

A request is counted before it is let through, with the tokens that it may take at most, so that requests at the same
time never exceed a limit together. What it did not take is given back after its answer has been sent. Both counts are
added to at once: the model waits for one round trip, and for none where nothing is limited.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple, Protocol

from lambdas.router.limits.admission import (
    Admission,
    Count,
    Need,
    not_counted,
    too_many_requests,
    too_many_tokens,
)
from lambdas.router.limits.settings import LimitSettings
from lambdas.router.limits.window import Bucket, Window, requests_of_a_minute, tokens_of_a_day
from lambdas.router.outage import Outage

ANONYMOUS = "anonymous"  # callers without a name share one count
COUNT_TIMEOUT_S = 0.5
_SETTLE_TIMEOUT_S = 5.0
_CHARS_PER_TOKEN = 4  # of English; what was too little or too much is settled
_PAUSE_S = 5.0  # short: nobody waits for what does not answer, and until then requests are not counted


class CounterUnavailable(Exception):
    """The addition failed, or nobody knows. `code` says why, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Counter(Protocol):
    """Adds atomically. Raises CounterUnavailable."""

    async def add(self, bucket: Bucket, amount: int, most: int | None, timeout_s: float) -> tuple[bool, int]:
        """(True, new value). Where that would exceed `most`, nothing is added: (False, the value as it is)."""

    def close(self) -> None:
        """Close what is open."""


Unavailable = Callable[[str], None]
"""Told why requests cannot be counted, once until they can again."""


class KeyLimits:
    """The limits of all keys. `wall` gives seconds since the epoch."""

    def __init__(
        self,
        settings: LimitSettings,
        counter: Counter,
        *,
        wall: Callable[[], float] = time.time,
        unavailable: Unavailable = lambda _: None,
    ) -> None:
        minute, day = settings.requests_per_minute, settings.tokens_per_day
        self._requests = None if minute is None else requests_of_a_minute(minute)
        self._tokens = None if day is None else tokens_of_a_day(day)
        self._refuse_uncounted = settings.refuse_uncounted
        self._counter = counter
        self._wall = wall
        self._outage = Outage(_PAUSE_S, wall, unavailable)
        self._settlements: set[asyncio.Task[None]] = set()

    async def admit(self, caller: str | None, prompt_chars: int, output_tokens: int) -> Admission:
        """Count a request. Raises `ApiError`: 429 where a limit is reached, 503 where it may not pass uncounted."""
        now_s, name = self._wall(), caller or ANONYMOUS
        need = Need(-(-prompt_chars // _CHARS_PER_TOKEN), output_tokens)
        work = asyncio.gather(
            self._added(self._requests, name, now_s, 1), self._added(self._tokens, name, now_s, need.tokens)
        )
        try:
            requests, tokens = await asyncio.shield(work)
        except asyncio.CancelledError:  # the caller has gone; what comes of it is given back
            work.add_done_callback(lambda done: self._give_back(_second(done)))
            raise
        admission = Admission(need, requests.now, tokens.now if tokens.fits else None, now_s)
        try:
            self._check(requests, tokens, need, now_s)
        except BaseException:
            self._give_back(tokens)
            raise
        return admission

    def settle(self, admission: Admission, used_tokens: int) -> None:
        """Put what was really used in the place of what was reserved. Returns at once."""
        count = admission.tokens
        if count is not None and used_tokens != count.added:
            self._later(self._add_quietly(count.bucket, used_tokens - count.added))

    async def close(self) -> None:
        """Wait for the settlements that are out, each of which has a limit of its own, and close the counter."""
        await asyncio.gather(*self._settlements, return_exceptions=True)
        self._counter.close()

    def _check(self, requests: _Added, tokens: _Added, need: Need, now_s: float) -> None:
        if not requests.fits and requests.now is not None:
            raise too_many_requests(requests.now, now_s)
        if not tokens.fits and tokens.now is not None:
            raise too_many_tokens(tokens.now, need, now_s)
        if self._refuse_uncounted and (requests.failed or tokens.failed):
            raise not_counted()

    async def _added(self, window: Window | None, caller: str, now_s: float, amount: int) -> _Added:
        if window is None:
            return _NOT_LIMITED
        if self._outage.is_paused(now_s):
            return _FAILED
        bucket = window.at(caller, now_s)
        try:
            fits, value = await self._counter.add(bucket, amount, window.limit, COUNT_TIMEOUT_S)
        except CounterUnavailable as error:
            self._outage.failed(error.code)
            return _FAILED
        self._outage.ended()
        return _Added(Count(bucket, value, amount if fits else 0), fits=fits)

    def _give_back(self, tokens: _Added | None) -> None:
        if tokens is not None and tokens.now is not None and tokens.now.added:
            self._later(self._add_quietly(tokens.now.bucket, -tokens.now.added))

    async def _add_quietly(self, bucket: Bucket, amount: int) -> None:
        """A settlement that fails leaves the count too high: never repeated, for it may have been done."""
        try:
            await self._counter.add(bucket, amount, None, _SETTLE_TIMEOUT_S)
        except CounterUnavailable as error:
            self._outage.failed(error.code)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._settlements.add(task)
        task.add_done_callback(self._settlements.discard)


class _Added(NamedTuple):
    """What became of one addition. `now` is None where nothing was counted."""

    now: Count | None
    fits: bool = True
    failed: bool = False


_NOT_LIMITED = _Added(None)
_FAILED = _Added(None, failed=True)


def _second(done: asyncio.Future[list[_Added]] | asyncio.Future[tuple[_Added, _Added]]) -> _Added | None:
    return None if done.cancelled() or done.exception() else done.result()[1]
