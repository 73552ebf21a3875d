"""How long a request, and each of its attempts, may take.

One deadline per request: the least of the use case's own time-out, what the caller allows, what the Lambda has left,
and, where answers are handed over whole, what API Gateway waits. Everything is paid out of it: attempts, waits,
repetitions. Each attempt gets an equal share of what is left, so a primary that hangs leaves the alternative its half,
and one that fails at once leaves it nearly everything.
"""

from __future__ import annotations

from typing import NamedTuple

GATEWAY_LIMIT_S = 29.0  # API Gateway REST integrations buffer at most this long
MARGIN_S = 0.5  # rendering the answer and handing it to the gateway
LEAST_ATTEMPT_S = 0.05  # an attempt shorter than this cannot succeed and only burdens the endpoint


class Deadline(NamedTuple):
    """A moment on the monotonic clock."""

    at_s: float

    def attempt_budget_s(self, now_s: float, attempts_left: int) -> float | None:
        """Seconds for the next of `attempts_left` attempts; None when too few are left."""
        share_s = (self.at_s - now_s) / attempts_left
        return share_s if share_s >= LEAST_ATTEMPT_S else None

    def has_room_after(self, now_s: float, wait_s: float) -> bool:
        """Whether an attempt still fits after a wait."""
        return self.at_s - now_s - wait_s >= LEAST_ATTEMPT_S


def plan_deadline(
    now_s: float,
    *,
    timeout_ms: int,
    caller_s: float | None = None,
    process_left_s: float | None = None,
    gateway_waited_s: float | None = None,
) -> Deadline:
    """The deadline of a request that starts now.

    `caller_s` is the caller's own limit, `process_left_s` the Lambda's remaining time. `gateway_waited_s`: what API
    Gateway, which waits 29 s for a whole answer, has waited already (a cold start is in its time, but not in the
    Lambda's); None where nothing waits so.
    """
    left_s = timeout_ms / 1000
    if caller_s is not None:
        left_s = min(left_s, caller_s)
    if process_left_s is not None:
        left_s = min(left_s, process_left_s - MARGIN_S)
    if gateway_waited_s is not None:
        left_s = min(left_s, GATEWAY_LIMIT_S - MARGIN_S - gateway_waited_s)
    return Deadline(now_s + max(0.0, left_s))
