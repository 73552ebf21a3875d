"""The breakers of all candidates, local to this process; and what other processes know, where they tell each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lambdas.router.asking.breaker import Breaker, Permit, State
from lambdas.router.route_table import BreakerSettings, Candidate

Key = tuple[str, str]


class SharedBreakers(Protocol):
    """What processes tell each other. Every method answers from memory: they are on every request's path."""

    def opened(self, key: Key, for_s: float) -> None:
        """This process found the candidate failing, and leaves it alone for so many seconds."""

    def closed(self, key: Key) -> None:
        """This process's probe succeeded: the candidate is well again."""

    def open_for_s(self, key: Key) -> float:
        """Seconds for which another process still leaves the candidate alone; 0 when none does."""


class Breakers:
    """Finds each candidate's breaker by what can fail: its endpoint and variant, whoever uses them."""

    def __init__(self, shared: SharedBreakers | None = None) -> None:
        self._breakers: dict[Key, Breaker] = {}
        self._shared = shared

    def of(self, candidate: Candidate, settings: BreakerSettings) -> Breaker:
        """The candidate's breaker. Where use cases share a candidate, the settings of the last one asked count."""
        key = candidate.key
        breaker = self._breakers.get(key)
        if breaker is None:
            breaker = self._breakers[key] = Breaker(settings)
        breaker.settings = settings
        return breaker

    def admits(self, candidate: Candidate, now_s: float) -> bool:
        """Whether the candidate's breaker, by what this process knows, lets a request through now."""
        breaker = self._breakers.get(candidate.key)
        return breaker is None or breaker.admits(now_s)

    def admit(self, candidate: Candidate, breaker: Breaker, now_s: float) -> Permit | None:
        """Leave to ask a candidate, or None. `breaker` is its own."""
        if self._shared is not None:
            told_s = self._shared.open_for_s(candidate.key)
            if told_s > 0:
                breaker.open_for(now_s, told_s)
        return breaker.admit(now_s)

    def succeeded(self, candidate: Candidate, breaker: Breaker, permit: Permit, now_s: float) -> None:
        """Tell a breaker, and the other processes if that closed it."""
        if breaker.succeeded(permit, now_s) and self._shared is not None:
            self._shared.closed(candidate.key)

    def failed(self, candidate: Candidate, breaker: Breaker, permit: Permit, now_s: float) -> None:
        """Tell a breaker, and the other processes if that opened it."""
        if breaker.failed(permit, now_s) and self._shared is not None:
            self._shared.opened(candidate.key, breaker.shut_for_s(now_s))

    def least_bad(
        self, candidates: Iterable[Candidate], settings: BreakerSettings, now_s: float
    ) -> Candidate:
        """Of candidates that are all left alone, the one that would be asked again first."""
        return min(candidates, key=lambda each: self.of(each, settings).shut_for_s(now_s))

    def state(self, candidate: Candidate, now_s: float) -> State:
        """For `/v1/models` and the log: nobody is asked, nothing changes."""
        breaker = self._breakers.get(candidate.key)
        return State.CLOSED if breaker is None else breaker.state(now_s)
