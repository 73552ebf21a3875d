"""The circuit breaker and flapping candidates, seen from outside: how often a candidate that is down is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tests.faults.behaviours import engine, good_answer, tgi_error
from tests.faults.judge import text_of
from tests.faults.stage import Got, Stage, chat, staged, use_case
from tests.faults.upstream import Behaviour, End, Seen

NAME = "flapping"
DOWN = engine(500, tgi_error("gpu lost"))
WELL = good_answer()
OPEN_S = 1
BREAKER = {"window_s": 30, "min_requests": 3, "failure_percent": 60, "open_s": OPEN_S, "max_open_s": 2}
ONCE = {"per_candidate": 0, "base_ms": 50, "cap_ms": 50}


async def _down(stage: Stage, *, primary: bool, alternative: bool) -> None:
    stage.upstream.scripts = {
        (NAME, "primary"): DOWN if primary else WELL,
        (NAME, "alternative"): DOWN if alternative else WELL,
    }


async def _ask_for(stage: Stage, seconds: float, pause_s: float = 0.02) -> list[Got]:
    """Requests in turn, for so long."""
    loop = asyncio.get_running_loop()
    end_s, got = loop.time() + seconds, []
    while loop.time() < end_s:
        got.append(await stage.ask(chat(NAME)))
        await asyncio.sleep(pause_s)
    return got


def _table() -> dict[str, object]:
    return {NAME: use_case(NAME, breaker=BREAKER, retries=ONCE)}


def _gaps_s(seen: Sequence[Seen]) -> list[float]:
    return [after.at_s - before.at_s for before, after in pairwise(seen)]


def test_a_candidate_that_is_down_is_asked_rarely_and_again_when_it_is_well() -> None:
    """Given a primary that goes down and comes back, then nobody notices, and it is probed once per wait."""

    async def story() -> None:
        async with staged(_table()) as stage:
            await _down(stage, primary=True, alternative=False)
            got = await _ask_for(stage, 3.6)
            assert all(text_of(each) for each in got), "a request failed although the alternative is well"
            failed = stage.upstream.of(NAME, "primary")
            assert len(failed) == 3 + 2, "three to find out, one probe after 1 s, one after 2 s more"
            first, second = _gaps_s(failed)[-2:]
            assert first >= OPEN_S - 0.05
            assert second >= 2 * OPEN_S - 0.05
            await _down(stage, primary=False, alternative=False)
            got = await _ask_for(stage, 2.4)
            assert got[0].headers["x-adept-candidate"] == "alternative"
            assert got[-1].headers["x-adept-candidate"] == "primary"
            assert await stage.stop() == 0

    asyncio.run(story())


def test_with_both_down_each_request_asks_one_and_is_told_of_it() -> None:
    """Given two breakers that are open, then a request is one attempt, and the first that is well again serves."""

    async def story() -> None:
        async with staged(_table()) as stage:
            await _down(stage, primary=True, alternative=True)
            for _ in range(4):
                await stage.ask(chat(NAME))
            before = len(stage.upstream.of(NAME))
            got = [await stage.ask(chat(NAME)) for _ in range(10)]
            assert {each.status for each in got} == {502}
            assert all("gpu lost" in each.error["message"] for each in got)
            assert len(stage.upstream.of(NAME)) - before == 10
            await _down(stage, primary=True, alternative=False)
            got = await _ask_for(stage, 1.5)
            assert got[-1].headers["x-adept-candidate"] == "alternative"
            assert await stage.stop() == 0

    asyncio.run(story())


def test_a_probe_is_one_request_however_many_wait() -> None:
    """Given a primary that hangs behind an open breaker, when many requests come at once, then one probes it."""

    async def story() -> None:
        async with staged(_table()) as stage:
            await _down(stage, primary=True, alternative=False)
            for _ in range(3):
                await stage.ask(chat(NAME))
            await asyncio.sleep(OPEN_S + 0.1)
            stage.upstream.scripts[NAME, "primary"] = Behaviour((), End.HANG)
            before = len(stage.upstream.of(NAME, "primary"))
            got = await asyncio.gather(*(stage.ask(chat(NAME)) for _ in range(50)))
            assert all(text_of(each) for each in got)
            assert len(stage.upstream.of(NAME, "primary")) - before == 1
            assert await stage.stop() == 0

    asyncio.run(story())


@pytest.mark.parametrize("period", [1, 2, 5], ids=lambda period: f"every {period}")
def test_flapping(period: int) -> None:
    """Given a primary that fails and recovers all the time, then no request fails, and each asks it once at most."""

    async def story() -> None:
        async with staged(_table()) as stage:
            flapping = [DOWN] * period + [WELL] * period
            stage.upstream.scripts = {(NAME, "primary"): flapping * 50, (NAME, "alternative"): WELL}
            got = [await stage.ask(chat(NAME)) for _ in range(60)]
            assert all(text_of(each) for each in got)
            assert len(stage.upstream.of(NAME, "primary")) <= 60
            assert len(stage.upstream.of(NAME)) <= 120
            assert await stage.stop() == 0

    asyncio.run(story())


def test_both_flapping_in_turns_fails_no_request() -> None:
    """Given two candidates of which always one is well, then the request finds it."""

    async def story() -> None:
        async with staged(_table()) as stage:
            for turn in range(40):
                await _down(stage, primary=turn % 2 == 0, alternative=turn % 2 == 1)
                got = await stage.ask(chat(NAME))
                asked = {each["role"] for each in (await _last_line(stage))["attempts"]}
                well = "alternative" if turn % 2 == 0 else "primary"
                assert (got.status == 200) == (well in asked)
                assert got.status == 200, f"request {turn}: {got.body[:200]!r}"
            assert await stage.stop() == 0

    asyncio.run(story())


async def _last_line(stage: Stage) -> dict[str, Any]:
    await asyncio.sleep(0.02)
    return stage.lines_of(NAME)[-1]


def test_whose_mistake_it_is_not_is_not_counted() -> None:
    """Given callers whose requests are refused and an account that is throttled, then the breaker stays closed."""

    async def story() -> None:
        async with staged(_table()) as stage:
            stage.upstream.scripts = {
                (NAME, "primary"): engine(422, tgi_error("no", "validation")),
                (NAME, "alternative"): WELL,
            }
            got = [await stage.ask(chat(NAME)) for _ in range(8)]
            assert {each.status for each in got} == {400}
            assert len(stage.upstream.of(NAME, "primary")) == 8
            assert await stage.stop() == 0

    asyncio.run(story())
