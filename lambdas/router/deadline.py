"""How long a request, and each of its attempts, may take.

One deadline per request: the least of the use case's own time-out, what the Lambda has left, and what API
Gateway waits. Each attempt gets an equal share of what is left, so a primary that hangs leaves the
alternative its half, and one that fails at once leaves it nearly everything.
"""

from __future__ import annotations

from dataclasses import dataclass

GATEWAY_LIMIT_S = 29.0  # API Gateway REST integrations buffer at most this long
MARGIN_S = 0.5  # rendering the answer and handing it to the gateway
LEAST_ATTEMPT_S = 0.05  # an attempt shorter than this cannot succeed and only burdens the endpoint


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    at_s: float

    def attempt_budget_s(self, now_s: float, candidates_left: int) -> float | None:
        """Seconds for the next of `candidates_left` attempts; None when too few are left."""
        share_s = (self.at_s - now_s) / candidates_left
        return share_s if share_s >= LEAST_ATTEMPT_S else None


def plan_deadline(
    now_s: float, *, timeout_ms: int, process_left_s: float | None, waited_s: float = 0.0
) -> Deadline:
    """The deadline of a request that starts now.

    `process_left_s` is the Lambda's remaining time, None without one. `waited_s` is what API Gateway has already
    waited: a cold start is in its 29 s, but not in the Lambda's time.
    """
    limits_s = [timeout_ms / 1000, GATEWAY_LIMIT_S - MARGIN_S - waited_s]
    if process_left_s is not None:
        limits_s.append(process_left_s - MARGIN_S)
    return Deadline(now_s + max(0.0, min(limits_s)))
