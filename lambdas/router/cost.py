"""What a request costs, by estimate: its share of the instances' price.

    for each attempt    hours that it was out * USD per hour / requests in flight that one instance is sized for

A request holds one of the places of an instance for as long as it is out, whoever else is there; failed attempts and
dropped hedges hold theirs too. What the estimate leaves out, so that the sum over all requests is not the bill:

- empty places. At a third of the sized load the bill is three times the sum; the difference is what idling costs.
- more requests in flight than sized: the same price is then given out more than once.
- other prices than the list's on demand (savings plans), and fallbacks to other instance types.
- storage, network, Lambda and API Gateway.
- a stream that breaks or is dropped at the upstream goes on for a moment that nobody sees.
"""

from __future__ import annotations

from lambdas.router.route_table import Candidate, Route
from lambdas.router.trace import Trace

_MS_PER_HOUR = 3_600_000


def cost_usd(trace: Trace) -> float | None:
    """The request's cost in USD. None where no candidate was asked, or where one that was has no price."""
    route = trace.route
    if route is None or not trace.attempts:
        return None
    prices = {candidate.role: candidate.usd_per_hour for candidate in route.candidates}
    total = 0.0
    for attempt, duration_ms in zip(trace.attempts, _durations_ms(trace), strict=True):
        price = prices.get(attempt.role)
        if price is None:
            return None
        total += duration_ms * price
    return _rounded(total / _MS_PER_HOUR / route.requests_in_flight)


def shadow_cost_usd(route: Route, candidate: Candidate, latency_ms: float) -> float | None:
    """The same of a shadow request."""
    if candidate.usd_per_hour is None:
        return None
    return _rounded(latency_ms * candidate.usd_per_hour / _MS_PER_HOUR / route.requests_in_flight)


def _durations_ms(trace: Trace) -> list[float]:
    """How long each attempt was out. A stream's attempt was noted at its first token, and goes on to the end."""
    durations = [attempt.duration_ms for attempt in trace.attempts]
    if trace.stream and trace.candidate is not None:
        before = sum(durations[:-1]) + sum(attempt.waited_ms for attempt in trace.attempts)
        durations[-1] = max(durations[-1], trace.latency_ms - before)
    return durations


def _rounded(usd: float) -> float:
    return round(usd, 9)
