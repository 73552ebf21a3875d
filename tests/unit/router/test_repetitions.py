"""A repetition beside the last candidate: when it begins, whose time it takes, and who ends it."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.trace import Ended
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import candidate, whole_stream
from tests.unit.router.turns import (
    BROKEN,
    GOOD,
    HANGS,
    NOT_READY,
    RESET,
    TOO_LONG,
    again,
)
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import (
    World,
    engine,
    message_of,
    outcomes,
    settle,
    streamed,
    use_case_table,
)

HUNG_UP_TWICE = UpstreamError(FaultSource.CONNECTION, "SageMaker hung up", code="ConnectionClosed", asked=2)


def test_who_was_sent_a_request_twice_is_asked_once_less_again() -> None:
    async def story() -> None:
        world = World(
            FakeUpstream(primary=[HUNG_UP_TWICE, RESET]), use_case_table(candidate("primary", "m"), **again())
        )
        assert (await world.ask()).status == 503
        assert world.upstream.asked == ["primary", "primary"]

    run_virtual(story())


def test_a_repetition_begins_beside_the_last_candidate_when_its_share_of_the_time_is_over() -> None:
    """Given 20 s, a primary that was busy for a moment, and an alternative that hangs; then the primary answers."""

    async def story() -> None:
        world = World(FakeUpstream(primary=[NOT_READY, GOOD], alternative=HANGS), use_case_table(**again()))
        assert await world.answered_by() == "primary"
        assert world.upstream.times_s == [0, 0, 10]
        await settle()
        assert world.upstream.dropped == ["alternative"]
        assert outcomes(world) == [("primary", "unavailable"), ("primary", "ok"), ("alternative", "dropped")]

    run_virtual(story())


def test_the_last_candidate_keeps_all_of_the_time_while_others_are_asked_again_beside_it() -> None:
    """Given a primary that stays busy and an alternative that is slow; then the alternative answers."""

    async def story() -> None:
        world = World(
            FakeUpstream(primary=NOT_READY, alternative=play(18.0, GOOD)), use_case_table(**again())
        )
        assert await world.answered_by() == "alternative"
        assert world.upstream.asked == ["primary", "alternative", "primary", "primary"]
        assert world.upstream.times_s == [0, 0, 10, pytest.approx(10.1)]
        assert now_s() == 18

    run_virtual(story())


def test_repetitions_beside_the_last_candidate_come_one_at_a_time_as_often_as_the_route_says() -> None:
    """Given two that were busy and a third one that hangs; then their repetitions share its time, and take turns."""

    async def story() -> None:
        three = (candidate("primary", "m"), candidate("alternative", "n"), candidate("third", "o"))
        world = World(
            FakeUpstream(
                primary=[NOT_READY, play(2.0, NOT_READY), NOT_READY],
                alternative=[NOT_READY, NOT_READY, GOOD],
                third=HANGS,
            ),
            use_case_table(*three, **again()),
        )
        assert await world.answered_by() == "alternative"
        share_s = 20 / 3
        assert world.upstream.asked[3:] == ["primary", "alternative", "primary", "alternative"]
        assert world.upstream.times_s[3:] == pytest.approx(
            [share_s, share_s + 2, share_s + 2.1, share_s + 2.1]
        )

    run_virtual(story())


def test_a_repetition_has_its_share_of_the_time_and_nobody_beside_it() -> None:
    """By a clock that goes on while the router works, as real ones do."""

    async def story() -> None:
        ticks = count()
        world = World(
            FakeUpstream(primary=[NOT_READY, HANGS], alternative=[NOT_READY, GOOD]),
            use_case_table(**again()),
            clock=lambda: now_s() + next(ticks) / 1e6,
        )
        assert await world.answered_by() == "alternative"
        assert outcomes(world)[2:] == [("primary", "timeout"), ("alternative", "ok")]

    run_virtual(story())


def test_nobody_is_asked_again_while_others_were_not_asked_at_all() -> None:
    async def story() -> None:
        roles = ("primary", "alternative", "third", "fourth")
        world = World(
            FakeUpstream(primary=NOT_READY, alternative=NOT_READY, third=HANGS, fourth=GOOD),
            use_case_table(*(candidate(role, role) for role in roles), **again()),
        )
        assert await world.answered_by() == "fourth"
        assert world.upstream.asked == list(roles)

    run_virtual(story())


def test_nobody_is_asked_beside_a_stream_which_ends_by_itself_when_its_first_token_is_late() -> None:
    async def story() -> None:
        late = play(15.0, whole_stream())
        streams = {"first_token_ms": 19_000, "idle_ms": 1_000, "timeout_ms": 20_000}
        world = World(
            FakeUpstream(primary=NOT_READY, alternative=late), use_case_table(**again(), streams=streams)
        )
        assert await world.answered_by(streamed()) == "alternative"
        assert world.upstream.asked == ["primary", "alternative"]

    run_virtual(story())


def test_a_repetition_for_which_no_time_is_left_is_not_spoken_of() -> None:
    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=19.93)
        world = World(FakeUpstream(primary=busy, alternative=HANGS), use_case_table(**again()))
        assert "no time was left" not in message_of(await world.ask())

    run_virtual(story())


def test_whoever_is_due_first_is_asked_again_first() -> None:
    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=3.0)
        world = World(
            FakeUpstream(primary=[busy, GOOD], alternative=[NOT_READY, GOOD]), use_case_table(**again())
        )
        assert await world.answered_by() == "alternative"
        assert now_s() == pytest.approx(0.05)

    run_virtual(story())


def test_a_prompt_that_proved_too_long_is_not_put_again_to_a_candidate_with_as_short_a_context() -> None:
    async def story() -> None:
        world = World(
            FakeUpstream(primary=[NOT_READY, GOOD], alternative=TOO_LONG), use_case_table(**again())
        )
        assert b"context" in (await world.ask()).body
        assert world.upstream.asked == ["primary", "alternative"]

    run_virtual(story())


def test_a_caller_who_leaves_ends_the_last_candidate_and_what_is_asked_beside_it() -> None:
    """Given a probe beside a candidate that hangs; then the next request may probe again."""

    async def story() -> None:
        world = World(
            FakeUpstream(primary=[NOT_READY, HANGS, GOOD], alternative=HANGS), use_case_table(**again())
        )
        asking = asyncio.ensure_future(world.open())
        await asyncio.sleep(11)
        asking.cancel()
        await settle()
        assert sorted(world.upstream.dropped) == ["alternative", "primary"]
        assert sorted(outcomes(world)) == [
            ("alternative", "dropped"),
            ("primary", "dropped"),
            ("primary", "unavailable"),
        ]
        assert world.traces[0].ended is Ended.GONE

    run_virtual(story())


def test_a_refusal_of_a_repetition_ends_the_last_candidate_too() -> None:
    async def story() -> None:
        refused = engine(422, "bad seed")
        world = World(
            FakeUpstream(primary=[NOT_READY, refused], alternative=HANGS), use_case_table(**again())
        )
        assert (await world.ask()).status == 400
        assert now_s() == 10
        await settle()
        assert world.upstream.dropped == ["alternative"]

    run_virtual(story())


@pytest.mark.parametrize(("retry_after_s", "again_s"), [(3.0, [10.0]), (12.0, [12.05]), (30.0, [])])
def test_a_repetition_beside_another_attempt_is_waited_for(
    retry_after_s: float, again_s: list[float]
) -> None:
    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=retry_after_s)
        world = World(FakeUpstream(primary=busy, alternative=HANGS), use_case_table(**again(per_candidate=1)))
        assert (await world.ask()).status in (503, 504)
        assert world.upstream.times_s[2:] == [pytest.approx(each) for each in again_s]
        assert now_s() == 20

    run_virtual(story())


def test_a_candidate_that_ends_before_its_share_is_over_has_nobody_beside_it() -> None:
    async def story() -> None:
        world = World(
            FakeUpstream(primary=[NOT_READY, GOOD], alternative=play(2.0, BROKEN)), use_case_table(**again())
        )
        assert await world.answered_by() == "primary"
        assert now_s() == 2

    run_virtual(story())
