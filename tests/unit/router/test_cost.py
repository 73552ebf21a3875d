"""A request's cost: its share of the instances' price, for everything that was asked on its behalf."""

from __future__ import annotations

import pytest

from lambdas.router.cost import cost_usd, shadow_cost_usd
from lambdas.router.route_table import Route
from lambdas.router.trace import AttemptRecord, Trace
from tests.unit.router.support import ALTERNATIVE_MODEL, PRIMARY_MODEL, candidate
from tests.unit.router.world import use_case_table

SECOND = 1 / 3600


def priced(primary: float | None = 8.0, alternative: float | None = 4.0) -> Route:
    """Candidates at USD per hour; eight requests in flight each."""
    table = use_case_table(
        candidate("primary", PRIMARY_MODEL, usd_per_hour=primary),
        candidate("alternative", ALTERNATIVE_MODEL, usd_per_hour=alternative),
    )
    return table.routes["query-enhancement"]


def cost(*attempts: AttemptRecord, route: Route | None = None, **changes: object) -> float | None:
    trace = Trace()
    trace.route, trace.attempts = route or priced(), list(attempts)
    for name, value in changes.items():
        setattr(trace, name, value)
    return cost_usd(trace)


def test_an_answer_costs_its_place_on_the_instance_for_its_time() -> None:
    assert cost(AttemptRecord("primary", "ok", 1000.0)) == pytest.approx(1.0 * SECOND)


def test_what_failed_and_what_was_dropped_cost_too() -> None:
    paid = cost(AttemptRecord("primary", "timeout", 2000.0), AttemptRecord("alternative", "ok", 1000.0))
    assert paid == pytest.approx(2.0 * SECOND + 0.5 * SECOND)
    hedged = cost(
        AttemptRecord("primary", "dropped", 1000.0), AttemptRecord("alternative", "ok", 500.0, hedge=True)
    )
    assert hedged == pytest.approx(1.0 * SECOND + 0.25 * SECOND)


def test_a_stream_costs_to_its_end_and_not_for_the_waits_before_it() -> None:
    """Given an attempt that failed at once, a wait of 1 s, and a stream that ends 10 s after the request's begin."""
    attempts = (
        AttemptRecord("alternative", "overloaded", 100.0),
        AttemptRecord("primary", "ok", 300.0, waited_ms=900.0),
    )
    winner = priced().candidates[0]
    paid = cost(*attempts, stream=True, candidate=winner, latency_ms=10_000.0)
    assert paid == pytest.approx((0.1 * 0.5 + 9.0) * SECOND)


@pytest.mark.parametrize("route", [priced(primary=None), None])
def test_where_a_price_is_missing_there_is_no_cost_rather_than_a_part_of_it(route: Route | None) -> None:
    attempts = [AttemptRecord("primary", "broken", 10.0), AttemptRecord("alternative", "ok", 10.0)]
    trace = Trace()
    trace.route, trace.attempts = route, attempts
    assert cost_usd(trace) is None


def test_nobody_asked_nothing_paid() -> None:
    assert cost() is None


def test_a_shadow_costs_as_a_request_does() -> None:
    route = priced()
    assert shadow_cost_usd(route, route.candidates[1], 2000.0) == pytest.approx(1.0 * SECOND)
    assert shadow_cost_usd(route, priced(primary=None).candidates[0], 2000.0) is None
