"""A circuit breaker: leaves a candidate alone that fails, and finds out with single requests when it is well again.

    CLOSED     requests pass; too many of those in the window failed, or as many in a row -> OPEN
    OPEN       none passes; the wait is over -> the next one is the probe, HALF_OPEN
    HALF_OPEN  the probe alone is out; it succeeds -> CLOSED, it fails -> OPEN with a doubled wait, it is dropped ->
               the next request is the probe

Pure: no clock of its own, no tasks. Whoever got a permit gives it back, once. A permit from before the last change
of state changes nothing any more: a late answer says how things were.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import NamedTuple

from lambdas.router.route_table import BreakerSettings


class State(StrEnum):
    """What a breaker does with the next request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit(NamedTuple):
    """Leave to ask a candidate once. `state` is the breaker's; OPEN: asked all the same, for want of a better."""

    epoch: int
    state: State


class Breaker:
    """The breaker of one candidate. Times are seconds on one monotonic clock."""

    __slots__ = (
        "_bad",
        "_closed",
        "_epoch",
        "_good",
        "_in_a_row",
        "_open_until_s",
        "_probing",
        "_wait_s",
        "_window",
        "settings",
    )

    def __init__(self, settings: BreakerSettings) -> None:
        self.settings = settings
        self._epoch = 0
        self._closed = Permit(0, State.CLOSED)  # the permit of every request while closed
        self._open_until_s: float | None = None  # None: closed
        self._wait_s = 0.0
        self._probing = False
        self._window: deque[list[int]] = deque()  # [second, good, bad], oldest first
        self._good = self._bad = 0  # sums over the window
        self._in_a_row = (
            0  # failures since the last success, however long ago: time-outs are few and far between
        )

    def state(self, now_s: float) -> State:
        """OPEN means that nothing is to be asked now."""
        if self._open_until_s is None:
            return State.CLOSED
        return State.HALF_OPEN if self._probing or now_s >= self._open_until_s else State.OPEN

    def admits(self, now_s: float) -> bool:
        """Whether `admit` would."""
        return self._open_until_s is None or (not self._probing and now_s >= self._open_until_s)

    def admit(self, now_s: float) -> Permit | None:
        """Leave to ask now, or None."""
        if self._open_until_s is None:
            return self._closed
        if self._probing or now_s < self._open_until_s:
            return None
        self._probing = True
        self._epoch += 1
        return Permit(self._epoch, State.HALF_OPEN)

    def insist(self) -> Permit:
        """Leave to ask although it is open: all are, and this one is the least bad."""
        return Permit(self._epoch, State.OPEN)

    def late_permit(self) -> Permit:
        """For news of a request whose own permit was given back; it counts while the breaker is closed."""
        return self._closed if self._open_until_s is None else Permit(self._epoch, State.OPEN)

    def shut_for_s(self, now_s: float) -> float:
        """Seconds until it can be probed; 0 when closed, or when a probe is out."""
        if self._open_until_s is None or self._probing:
            return 0.0
        return max(0.0, self._open_until_s - now_s)

    def succeeded(self, permit: Permit, now_s: float) -> bool:
        """The candidate answered. True when that closed the breaker."""
        if permit.epoch != self._epoch:
            return False
        if permit.state is State.HALF_OPEN:
            self._close()
            return True
        if permit.state is State.CLOSED:
            self._in_a_row = 0
            self._count(now_s, good=1)
        elif not self._probing:
            self._open_until_s = now_s  # better news than expected: the next request is the probe
        return False

    def failed(self, permit: Permit, now_s: float) -> bool:
        """The candidate failed by its own fault. True when that opened the breaker."""
        if permit.epoch != self._epoch or permit.state is State.OPEN:
            return False
        if permit.state is State.HALF_OPEN:
            self._open(now_s, min(2 * self._wait_s, self.settings.max_open_s))
            return True
        self._in_a_row += 1
        self._count(now_s, bad=1)
        if not self._is_failing():
            return False
        self._open(now_s, self.settings.open_s)
        return True

    def dropped(self, permit: Permit) -> None:
        """Nothing was learnt: the request was cancelled, or failed by somebody else's fault."""
        if permit.epoch == self._epoch and permit.state is State.HALF_OPEN:
            self._probing = False

    def open_for(self, now_s: float, wait_s: float) -> None:
        """Open it because another process found the candidate failing. Nothing changes where it is open already.

        Never for longer than `max_open_s`, whatever was said. A probe that fails doubles our own wait: what is left of
        the other's may be next to nothing.
        """
        if self._open_until_s is None:
            self._open(now_s, self.settings.open_s)
            self._open_until_s = now_s + min(wait_s, self.settings.max_open_s)

    def _is_failing(self) -> bool:
        total, least = self._good + self._bad, self.settings.min_requests
        share = total >= least and 100 * self._bad >= self.settings.failure_percent * total
        return share or self._in_a_row >= least

    def _open(self, now_s: float, wait_s: float) -> None:
        self._wait_s = wait_s
        self._open_until_s = now_s + wait_s
        self._renew()

    def _close(self) -> None:
        self._open_until_s = None
        self._renew()

    def _renew(self) -> None:
        self._probing = False
        self._epoch += 1
        self._closed = Permit(self._epoch, State.CLOSED)
        self._window.clear()
        self._good = self._bad = self._in_a_row = 0

    def _count(self, now_s: float, *, good: int = 0, bad: int = 0) -> None:
        window, second = self._window, int(now_s)
        while window and window[0][0] <= second - self.settings.window_s:
            _, old_good, old_bad = window.popleft()
            self._good -= old_good
            self._bad -= old_bad
        if not window or window[-1][0] != second:
            window.append([second, 0, 0])
        window[-1][1] += good
        window[-1][2] += bad
        self._good += good
        self._bad += bad
