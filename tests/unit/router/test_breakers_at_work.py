"""The circuit breakers at work: who is left alone, who comes back, and who is asked when nobody is well."""

from __future__ import annotations

import asyncio

import pytest

from lambdas.router.failures import FaultSource, UpstreamError
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import candidate, chat_body, chat_request, completion
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, engine, outcomes, service, use_case_table, with_headers

GOOD = completion("good")
HANGS = play(1000.0)
BROKEN, THROTTLED = engine(500, "gpu lost"), service("ThrottlingException", 400)
TOO_LONG = engine(422, "`inputs` must have less than 3072 tokens. Given: 5000")
FILTERED = UpstreamError(
    FaultSource.ANSWER, "the content is declined", code="content_filter", from_engine=True
)


def test_a_primary_that_fails_is_left_alone_and_returns_by_one_probe() -> None:
    """With exactly one primary and one alternative: who is left alone costs no request anything."""

    async def story() -> None:
        world = World(FakeUpstream(primary=[BROKEN] * 4 + [GOOD], alternative=GOOD))
        assert [await world.answered_by() for _ in range(7)] == ["alternative"] * 7
        assert world.upstream.asked.count("primary") == 4
        await asyncio.sleep(5)
        assert await world.answered_by() == "primary"
        assert world.traces[-1].attempts[0].breaker == "half_open"
        assert await world.answered_by() == "primary"

    run_virtual(story())


def test_while_the_probe_is_out_everybody_else_asks_the_alternative() -> None:
    async def story() -> None:
        slow = play(3.0, GOOD)
        world = World(FakeUpstream(primary=[BROKEN] * 4 + [slow], alternative=GOOD))
        for _ in range(4):
            await world.ask()
        await asyncio.sleep(5)
        answers = await asyncio.gather(*(world.answered_by() for _ in range(10)))
        assert sorted(filter(None, answers)) == ["alternative"] * 9 + ["primary"]

    run_virtual(story())


def test_who_is_left_alone_takes_no_share_of_the_time() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=GOOD, alternative=[BROKEN] * 4))
        await world.ask()
        for _ in range(4):
            await world.ask(chat_request(chat_body("query-enhancement:alternative")))
        await world.ask()
        assert (world.upstream.limits[0].total_s, world.upstream.limits[-1].total_s) == (10, 20)

    run_virtual(story())


def test_when_all_are_open_the_least_bad_is_asked_and_answers() -> None:
    """Given a primary that failed first and an alternative that failed later; then the primary is the less bad."""

    async def story() -> None:
        world = World(FakeUpstream(primary=[BROKEN] * 4 + [GOOD], alternative=[GOOD] * 4 + [BROKEN] * 4))
        for _ in range(4):
            await world.ask()
        await asyncio.sleep(1)
        for _ in range(4):
            await world.ask(with_headers(x_adept_candidate="alternative"))
        asked = len(world.upstream.asked)
        assert await world.answered_by() == "primary"
        assert len(world.upstream.asked) == asked + 1
        assert world.traces[-1].attempts[0].breaker == "open"

    run_virtual(story())


def test_a_candidate_that_is_left_alone_is_the_last_resort_of_a_request_that_nobody_else_answers() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=[BROKEN] * 4 + [GOOD], alternative=[GOOD] * 4 + [BROKEN]))
        for _ in range(4):
            await world.ask()
        assert await world.answered_by() == "primary"
        assert outcomes(world) == [("alternative", "broken"), ("primary", "ok")]

    run_virtual(story())


@pytest.mark.parametrize(
    "fault", [engine(422), TOO_LONG, FILTERED, THROTTLED, UpstreamError(FaultSource.SETUP, "no credentials")]
)
def test_what_says_nothing_about_a_candidate_never_opens_its_breaker(fault: UpstreamError) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=fault, alternative=fault))
        for _ in range(20):
            await world.ask()
        assert all(trace.attempts[0].role == "primary" for trace in world.traces)

    run_virtual(story())


def test_a_time_out_by_the_callers_own_short_limit_is_not_held_against_the_candidate() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=HANGS, alternative=HANGS))
        for _ in range(10):
            await world.ask(with_headers(x_adept_timeout_ms="200"))
        assert world.traces[-1].attempts[0].role == "primary"
        for _ in range(4):
            await world.ask()
        assert await world.answered_by() is None
        assert world.traces[-1].attempts[0].breaker == "half_open"

    run_virtual(story())


def test_a_borrowed_candidate_has_one_breaker_however_many_use_cases_ask_it() -> None:
    async def story() -> None:
        lent = candidate("alternative", "lent", endpoint_name="lender")
        table = use_case_table(candidate("primary", "m"), lent)
        routes = dict(table.routes) | {"other": table.routes["query-enhancement"]}
        world = World(FakeUpstream(primary=GOOD, alternative=BROKEN), type(table)("test", routes, 4096))
        for _ in range(4):
            await world.ask(with_headers(x_adept_candidate="alternative"))
        await world.ask(chat_request(chat_body("other:alternative")))
        assert world.traces[-1].attempts[0].breaker == "open"

    run_virtual(story())


class Told:
    """A shared state that knows one candidate to be failing for `for_s`, and notes what it is told."""

    def __init__(self, for_s: float = 0.0) -> None:
        self.for_s = for_s
        self.news: list[tuple[str, str]] = []

    def opened(self, key: tuple[str, str], for_s: float) -> None:
        self.news.append(("opened", f"{key[1]} {for_s:g}"))

    def closed(self, key: tuple[str, str]) -> None:
        self.for_s = 0.0
        self.news.append(("closed", key[1]))

    def open_for_s(self, key: tuple[str, str]) -> float:
        return self.for_s if key[1] == "primary" else 0.0


def test_what_other_processes_know_spares_this_one_the_failures() -> None:
    async def story() -> None:
        told = Told(for_s=2.0)
        world = World(FakeUpstream(primary=GOOD, alternative=GOOD), shared=told)
        assert await world.answered_by() == "alternative"
        await asyncio.sleep(2)
        assert [await world.answered_by() for _ in range(2)] == ["primary", "primary"]
        assert told.news == [("closed", "primary")]

    run_virtual(story())


def test_other_processes_are_told_of_a_breaker_that_opens() -> None:
    async def story() -> None:
        told = Told()
        world = World(FakeUpstream(primary=BROKEN, alternative=GOOD), shared=told)
        for _ in range(4):
            await world.ask()
        assert told.news == [("opened", "primary 5")]

    run_virtual(story())
