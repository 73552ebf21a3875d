"""Shadow traffic: after the caller's answer, bounded, recorded, and never noticed by anybody."""

from __future__ import annotations

import asyncio
from typing import Any

from lambdas.router.failures import FaultSource, UpstreamError
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import (
    body_of,
    chat_body,
    chat_request,
    chunk,
    completion,
    events,
    whole_stream,
)
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, settle, streamed, use_case_table

GOOD = completion("good")
BROKEN = UpstreamError(FaultSource.SERVICE, "gpu lost", code="ModelError", status=500, from_engine=True)


SHADOW = {"candidate": "alternative", "percent": 100, "max_in_flight": 2, "timeout_ms": 5000}


def shadowed(log_text: bool = False, **changes: Any) -> Any:
    return use_case_table(shadow=SHADOW | changes, log_text=log_text)


def test_a_shadow_is_asked_after_the_answer_and_recorded_without_its_text() -> None:
    async def story() -> None:
        upstream = FakeUpstream(primary=play(1.0, GOOD), alternative=play(2.0, completion("other")))
        world = World(upstream, shadowed())
        response = await world.ask()
        assert (now_s(), response.headers["x-adept-candidate"]) == (1.0, "primary")
        assert b"other" not in response.body
        assert response.headers["x-adept-attempts"] == "1"
        await asyncio.sleep(3)
        assert upstream.times_s == [0.0, 1.0]
        (record,) = world.shadows
        assert (record.role, record.answered_by, record.outcome) == ("alternative", "primary", "ok")
        assert (record.latency_ms, record.prompt_tokens, record.completion_tokens) == (2000, 7, 3)
        assert (record.request_id, record.use_case) == ("req-1", "query-enhancement")
        assert record.text is None

    run_virtual(story())


def test_the_shadow_of_a_stream_begins_with_its_first_token_and_measures_its_own() -> None:
    async def story() -> None:
        patient = {"timeout_ms": 60_000, "first_token_ms": 10_000, "idle_ms": 20_000}
        first, rest = events(chunk("he"), done=False), events(chunk("", "stop"))
        upstream = FakeUpstream(primary=play(1.0, first, 9.0, rest), alternative=play(0.5, whole_stream()))
        world = World(upstream, use_case_table(shadow=SHADOW, streams=patient))
        response, _ = await world.open(streamed())
        await settle()
        assert upstream.times_s == [0.0, 1.0]
        await body_of(response)
        assert world.shadows[0].first_token_ms == 500

    run_virtual(story())


def test_text_is_kept_where_the_use_case_logs_it() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=GOOD, alternative=completion("other")), shadowed(log_text=True))
        await world.ask()
        await settle()
        assert world.shadows[0].text is not None
        assert b"other" in world.shadows[0].text

    run_virtual(story())


def test_a_shadow_that_fails_hangs_or_crashes_reaches_nobody_and_no_breaker() -> None:
    class Crashing(FakeUpstream):
        crashes = False

        async def invoke(self, call: Any, *, timeout_s: float) -> bytes:
            if call.variant == "alternative" and self.crashes:
                raise RuntimeError("a bug whose text quotes the prompt")
            return await super().invoke(call, timeout_s=timeout_s)

    async def story() -> None:
        upstream = Crashing(primary=GOOD, alternative=[BROKEN] * 4 + [play(100.0), GOOD])
        world = World(upstream, shadowed())
        for requests in range(6):
            upstream.crashes = requests == 5
            assert (await world.ask()).status == 200
            await asyncio.sleep(6)
        upstream.crashes = False
        outcomes = [record.outcome for record in world.shadows]
        assert outcomes == ["broken"] * 4 + ["timeout", "crashed"]
        assert world.shadows[-1].code == "RuntimeError"
        await world.ask(chat_request(chat_body("query-enhancement:alternative")))
        assert [attempt.breaker for attempt in world.traces[-1].attempts] == ["closed"]

    run_virtual(story())


def test_no_more_than_so_many_are_out_at_once() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=GOOD, alternative=play(2.0, GOOD)), shadowed())
        for _ in range(5):
            await world.ask()
        await settle()
        assert world.upstream.asked.count("alternative") == 2
        await asyncio.sleep(3)
        await world.ask()
        await settle()
        assert world.upstream.asked.count("alternative") == 3
        await world.router.close()

    run_virtual(story())


def test_the_rate_decides_which_requests_have_a_shadow() -> None:
    async def story() -> None:
        draws = iter([0.05, 0.2, 0.099])
        world = World(
            FakeUpstream(primary=GOOD, alternative=GOOD), shadowed(percent=10), jitter=lambda: next(draws)
        )
        for _ in range(3):
            await world.ask()
            await settle()
        assert len(world.shadows) == 2

    run_virtual(story())


def test_who_answered_is_not_asked_again_as_a_shadow() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=BROKEN, alternative=GOOD), shadowed())
        await world.ask()
        await settle()
        assert (world.upstream.asked, world.shadows) == (["primary", "alternative"], [])

    run_virtual(story())


def test_a_request_without_an_answer_has_no_shadow() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=BROKEN, alternative=BROKEN), shadowed())
        await world.ask()
        await settle()
        assert world.shadows == []

    run_virtual(story())


def test_closing_the_router_gives_up_what_is_out() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=GOOD, alternative=play(100.0)), shadowed())
        await world.ask()
        await settle()
        await world.router.close()
        assert world.upstream.dropped == ["alternative"]
        assert now_s() == 0

    run_virtual(story())
