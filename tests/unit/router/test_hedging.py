"""A second attempt at answers that take long: the faster one counts, the slower one is dropped, and few are made."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.asking.hedging import HedgeBudget
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.route_table import HedgeTo, Hedging
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import candidate, chat_body, chat_request, completion, whole_stream
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, settle, streamed, use_case_table, with_headers

GOOD = completion()
SLOW, FAST = play(5.0, GOOD), play(0.2, GOOD)
BROKEN = UpstreamError(FaultSource.SERVICE, "gpu lost", code="ModelError", status=500, from_engine=True)
REFUSED = UpstreamError(FaultSource.SERVICE, "bad seed", code="ModelError", status=422, from_engine=True)


def hedged(*candidates: dict[str, object], **changes: Any) -> Any:
    """A table whose budget pays for every hedge, unless `changes` say otherwise."""
    hedging = {"after_ms": 1000, "to": "next", "max_prompt_chars": 100, "budget_percent": 100} | changes
    return use_case_table(*candidates, hedging=hedging)


def outcomes(world: World) -> list[tuple[str, str, bool]]:
    return [(each.role, each.outcome, each.hedge) for each in world.traces[-1].attempts]


def test_a_slow_answer_is_asked_for_again_and_the_faster_one_counts() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=SLOW, alternative=FAST), hedged())
        assert await world.answered_by() == "alternative"
        assert now_s() == 1.2
        await settle()
        assert world.upstream.dropped == ["primary"]
        assert outcomes(world) == [("alternative", "ok", True), ("primary", "dropped", False)]
        assert world.traces[0].failovers == 0

    run_virtual(story())


def test_the_first_attempt_may_still_win() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(1.5, GOOD), alternative=SLOW), hedged())
        assert await world.answered_by() == "primary"
        assert now_s() == 1.5
        await settle()
        assert world.upstream.dropped == ["alternative"]

    run_virtual(story())


def test_a_quick_answer_is_not_hedged() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=FAST, alternative=FAST), hedged())
        await world.ask()
        assert world.upstream.asked == ["primary"]

    run_virtual(story())


def test_the_same_candidate_can_be_asked_again_because_another_instance_may_answer() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=[SLOW, FAST]), hedged(candidate("primary", "m"), to="same"))
        assert await world.answered_by() == "primary"
        assert now_s() == 1.2

    run_virtual(story())


def test_streams_and_long_prompts_are_not_hedged() -> None:
    async def story() -> None:
        stream = play(2.0, whole_stream())
        world = World(FakeUpstream(primary=[stream, SLOW], alternative=FAST), hedged())
        await world.ask(streamed())
        long = chat_body(messages=[{"role": "user", "content": "x" * 101}])
        await world.ask(chat_request(long))
        assert world.upstream.asked == ["primary", "primary"]

    run_virtual(story())


def test_when_both_fail_the_request_fails_with_both_causes() -> None:
    async def story() -> None:
        late = play(2.0, BROKEN)
        world = World(FakeUpstream(primary=late, alternative=late), hedged())
        response = await world.ask()
        assert response.status == 502
        assert b"primary: broken" in response.body
        assert b"alternative: broken" in response.body

    run_virtual(story())


def test_a_refusal_of_either_ends_both() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=SLOW, alternative=play(0.5, REFUSED)), hedged())
        assert (await world.ask()).status == 400
        await settle()
        assert world.upstream.dropped == ["primary"]

    run_virtual(story())


def test_a_caller_who_leaves_ends_both() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=SLOW, alternative=SLOW), hedged())
        asking = asyncio.ensure_future(world.open())
        await asyncio.sleep(1.5)
        asking.cancel()
        await settle()
        assert sorted(world.upstream.dropped) == ["alternative", "primary"]

    run_virtual(story())


def test_both_answers_at_the_same_moment_are_one_answer() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(2.0, GOOD), alternative=play(1.0, GOOD)), hedged())
        role = await world.answered_by()
        assert world.traces[0].candidate is not None
        assert world.traces[0].candidate.role == role

    run_virtual(story())


def test_a_hedge_is_no_probe_too_many_and_asks_nobody_who_is_left_alone() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=SLOW, alternative=[BROKEN] * 4 + [FAST]), hedged())
        for _ in range(4):
            await world.ask(chat_request(chat_body("query-enhancement:alternative")))
        assert await world.answered_by() == "primary"
        assert world.upstream.asked[4:] == ["primary"]

    run_virtual(story())


def test_only_the_budgets_share_of_requests_is_hedged() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=SLOW, alternative=FAST), hedged(budget_percent=10))
        await asyncio.gather(*(world.ask() for _ in range(50)))
        assert world.upstream.asked.count("alternative") == 5

    run_virtual(story())


@given(
    percent=st.floats(0.1, 100),
    spends=st.lists(st.booleans(), max_size=300),
)
def test_the_budget_never_pays_for_more_than_its_share(percent: float, spends: list[bool]) -> None:
    budget, hedges = HedgeBudget(), 0
    hedging = Hedging(after_ms=1, to=HedgeTo.NEXT, max_prompt_chars=1, budget_percent=percent)
    for requests, wanted in enumerate(spends, start=1):
        budget.earn(hedging)
        if wanted and budget.affordable:
            budget.spend()
            hedges += 1
        assert hedges <= requests * percent / 100 + 1e-6


def test_a_first_attempt_that_fails_meanwhile_leaves_the_hedge_to_answer() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(1.5, BROKEN), alternative=play(2.0, GOOD)), hedged())
        assert await world.answered_by() == "alternative"
        assert now_s() == 3.0
        assert outcomes(world) == [("primary", "broken", False), ("alternative", "ok", True)]

    run_virtual(story())


def test_a_hedge_for_which_no_time_is_left_keeps_no_candidate_from_its_probe() -> None:
    """Given an open primary that is asked for want of a better, and a hedge that is due when its wait has ended."""

    async def story() -> None:
        alone = candidate("primary", "m")
        world = World(FakeUpstream(primary=[BROKEN] * 4 + [SLOW, FAST]), hedged(alone, to="same"))
        for _ in range(4):
            await world.ask()
        await asyncio.sleep(4.5)
        assert (await world.ask(with_headers(x_adept_timeout_ms="1020"))).status == 504
        assert await world.answered_by() == "primary"
        assert world.traces[-1].attempts[0].breaker == "half_open"

    run_virtual(story())
