"""Minutes and days by UTC, and what a key's count in one of them is called. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

_KEPT_S = 3600  # after its end; DynamoDB removes what has expired within days


class Window(NamedTuple):
    """What is limited, for how long, and to how much. `unit` is "requests" or "tokens", as the headers name it."""

    unit: str
    seconds: int
    limit: int
    time_format: str  # of its begin, in the name of a count

    def at(self, caller: str, now_s: float) -> Bucket:
        """The count of `caller` in which `now_s`, seconds since the epoch, falls."""
        begin_s = int(now_s) // self.seconds * self.seconds
        begun = datetime.fromtimestamp(begin_s, UTC).strftime(self.time_format)
        return Bucket(self, f"{self.unit}#{begun}#{caller}", begin_s + self.seconds)


class Bucket(NamedTuple):
    """One count. `ends_s`: when it begins anew, in seconds since the epoch."""

    window: Window
    id: str
    ends_s: int

    @property
    def expires_at(self) -> int:
        """When it can be forgotten, in seconds since the epoch. Whoever was slow still finds it for an hour."""
        return self.ends_s + _KEPT_S

    def reset_s(self, now_s: float) -> int:
        """Whole seconds until it begins anew, one at least."""
        return max(1, math.ceil(self.ends_s - now_s))


def requests_of_a_minute(limit: int) -> Window:
    return Window("requests", 60, limit, "%Y-%m-%dT%H:%M")


def tokens_of_a_day(limit: int) -> Window:
    return Window("tokens", 86_400, limit, "%Y-%m-%d")


def duration(seconds: int) -> str:
    """As OpenAI writes durations in its headers: 1s, 6m0s, 13h4m2s."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
