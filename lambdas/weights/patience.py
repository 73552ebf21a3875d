"""How long to wait when the Hub wants fewer requests.

429 comes with `Retry-After` (seconds or a date) or with the Hub's `RateLimit: "resolvers";r=0;t=55` (IETF draft
ratelimit-headers: `r` requests are left, and `t` seconds until there are more).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lambdas.weights.errors import HubRateLimited

DEFAULT_WAIT_S = 10.0
LONGEST_WAIT_S = 120.0  # longer ones are Step Functions' business, which waits for nothing
RESERVE_S = 120.0  # for the request itself, after the wait
_MOST_WAITS = 3
_RATE_LIMIT = re.compile(r"r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+)")


def wait_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that the Hub asks for; header names in lower case."""
    given = _retry_after_s(headers.get("retry-after", ""), now)
    if given is None:
        match = _RATE_LIMIT.search(headers.get("ratelimit", ""))
        given = float(match.group(2)) if match and match.group(1) == "0" else DEFAULT_WAIT_S
    return max(0.0, given)


def _retry_after_s(value: str, now: datetime) -> float | None:
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()


@dataclass
class Patience:
    """Waits for the Hub while there is time: `left_s` says how much this step still has."""

    left_s: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep
    waits: int = 0

    def wait(self, headers: Mapping[str, str]) -> None:
        """Sleep as long as the Hub asks for. Raises `HubRateLimited` when that does not fit."""
        wanted_s = wait_s(headers, datetime.now(UTC))
        self.waits += 1
        fits = wanted_s <= LONGEST_WAIT_S and wanted_s + RESERVE_S <= self.left_s()
        if self.waits > _MOST_WAITS or not fits:
            raise HubRateLimited(
                f"The Hub takes no more requests for {wanted_s:.0f} s. Staging tries again by itself for a while; "
                "a token of an account with a higher limit, or a lower staging.concurrency, helps."
            )
        self.sleep(wanted_s)
