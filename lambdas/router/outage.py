"""A table that does not answer is left alone for a while, and its outage is told once."""

from __future__ import annotations

from collections.abc import Callable

_PAUSE_AFTER = 3  # failures in a row


class Outage:
    """What was learnt of a table since it last answered. Times are seconds since the epoch.

    After three failures in a row it is left alone for `pause_s`. `tell` hears the first failure's code, and the next
    one's after the table has answered again.
    """

    __slots__ = ("_failures", "_pause_s", "_paused_until_s", "_tell", "_wall")

    def __init__(self, pause_s: float, wall: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._pause_s = pause_s
        self._wall = wall
        self._tell = tell
        self.ended()

    def is_paused(self, now_s: float) -> bool:
        """Whether the table is to be left alone now."""
        return now_s < self._paused_until_s

    def failed(self, code: str) -> None:
        """It did not answer, or not well."""
        self._failures += 1
        if self._failures >= _PAUSE_AFTER:
            self._paused_until_s = self._wall() + self._pause_s
        if self._failures == 1:
            self._tell(code)

    def ended(self) -> None:
        """It answers."""
        self._failures = 0
        self._paused_until_s = 0.0
