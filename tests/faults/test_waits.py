"""Retry-After, hedges and shadows: when candidates are asked, and that nobody waits for what is not his."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import pytest

from tests.faults.behaviours import engine, good_answer, good_stream, refuses, tgi_error
from tests.faults.judge import read_stream, text_of
from tests.faults.stage import SLACK_S, chat, staged, use_case
from tests.faults.upstream import Behaviour, End

NAME = "waits"
HANGS = Behaviour((), End.HANG)
DOWN = engine(500, tgi_error("gpu lost"))
UNAVAILABLE = refuses(503, "ServiceUnavailable", {"retry-after": "1"})
HEDGING = {"after_ms": 150, "to": "next", "max_prompt_chars": 4000, "budget_percent": 100}
SHADOW = {"candidate": "alternative", "percent": 100.0, "max_in_flight": 2, "timeout_ms": 1_500}
PATIENT = {"max_body_bytes": 65_536, "max_messages": 4, "max_output_tokens": 100, "timeout_ms": 6_000}
SLOW = {"timeout_ms": 6_000, "first_token_ms": 6_000, "idle_ms": 6_000}
ONCE = {"per_candidate": 0, "base_ms": 50, "cap_ms": 50}
MOMENT_S = 0.02


def busy(retry_after: str) -> Behaviour:
    return engine(429, tgi_error("busy"), {"retry-after": retry_after})


@pytest.mark.parametrize("refusal", [busy("1"), UNAVAILABLE], ids=["429", "503"])
def test_retry_after_is_waited_for(refusal: Behaviour) -> None:
    """Given a candidate that asks for a second, then it is asked again after it and not before."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME, alone=True, limits=PATIENT)}) as stage:
            stage.upstream.scripts[NAME, "primary"] = [refusal, good_answer()]
            got = await stage.ask(chat(NAME))
            assert text_of(got)
            first, second = stage.upstream.of(NAME)
            assert 1.0 - MOMENT_S <= second.at_s - first.at_s <= 1.1 + SLACK_S

    asyncio.run(story())


@pytest.mark.parametrize("caller_ms", [None, "700"], ids=["by the use case", "by the caller"])
def test_a_wait_that_does_not_fit_is_told_and_not_begun(caller_ms: str | None) -> None:
    async def story() -> None:
        async with staged({NAME: use_case(NAME, alone=True)}) as stage:
            stage.upstream.scripts[NAME, "primary"] = busy("1" if caller_ms else "30")
            headers = {"x_adept_timeout_ms": caller_ms} if caller_ms else {}
            got = await stage.ask(chat(NAME), **headers)
            assert (got.status, got.headers["retry-after"]) == (429, "1" if caller_ms else "30")
            assert got.took_s < 0.3 + SLACK_S / 2
            assert len(stage.upstream.of(NAME)) == 1

    asyncio.run(story())


def test_the_other_candidate_is_asked_without_a_wait() -> None:
    async def story() -> None:
        async with staged({NAME: use_case(NAME)}) as stage:
            stage.upstream.scripts = {(NAME, "primary"): busy("1"), (NAME, "alternative"): good_answer()}
            got = await stage.ask(chat(NAME))
            assert text_of(got)
            assert got.took_s < SLACK_S

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller_ms", [60, 300])
def test_the_callers_own_limit_ends_a_request(stream: bool, caller_ms: int) -> None:
    """Given candidates that hang, then the caller has an answer when he said, and both connections are closed."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME)}) as stage:
            stage.upstream.scripts = {(NAME, "primary"): HANGS, (NAME, "alternative"): HANGS}
            got = await stage.ask(chat(NAME, stream=stream), x_adept_timeout_ms=str(caller_ms))
            assert got.status == 504
            assert caller_ms / 1000 - MOMENT_S <= got.took_s + 0.05
            assert got.took_s <= caller_ms / 1000 + SLACK_S
            await asyncio.sleep(0.1)
            assert all(seen.over_s is not None for seen in stage.upstream.of(NAME))

    asyncio.run(story())


def test_a_connection_that_is_refused_is_told_as_that() -> None:
    """Given nobody at SageMaker's address, then 503 at once, with the cause."""

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with staged({NAME: use_case(NAME)}, url) as stage:
            for stream in (False, True):
                got = await stage.ask(chat(NAME, stream=stream))
                assert got.status == 503
                assert "ConnectionRefusedError" in got.error["message"]
                assert got.headers["x-adept-attempts"] == "4"

    asyncio.run(story())


def test_a_server_that_accepts_nobody_is_a_connect_time_out() -> None:
    """Given a server whose queue is full, so that no connection comes about, then 504 within the deadline."""

    async def story() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            filling = [socket.socket() for _ in range(3)]
            for each in filling:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            async with staged({NAME: use_case(NAME)}, f"http://127.0.0.1:{full.getsockname()[1]}") as stage:
                got = await stage.ask(chat(NAME))
                assert got.status == 504
                assert "no connection in time" in got.error["message"]
                assert got.took_s <= 2.0 + SLACK_S
            for each in filling:
                each.close()

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_server_that_dies_over_a_request_is_not_asked_the_same_unbidden(stream: bool) -> None:
    """Given a kept connection, when it is reset after a while of work, then that was an attempt, and is told as one."""

    async def story() -> None:
        table = {NAME: use_case(NAME, alone=True, limits=PATIENT, streams=SLOW, retries=ONCE)}
        async with staged(table) as stage:
            well = good_stream() if stream else good_answer()
            stage.upstream.scripts[NAME, "primary"] = [well, Behaviour((1.3,), End.RESET), well]
            assert (await stage.ask(chat(NAME, stream=stream))).status == 200
            got = await stage.ask(chat(NAME, stream=stream))
            assert (got.status, got.headers["x-adept-attempts"]) == (503, "1")
            assert len(stage.upstream.of(NAME)) == 2

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_connection_that_has_gone_stale_costs_nobody_an_attempt(stream: bool) -> None:
    """Given a kept connection that the server closes on the next request, then a new one tells how the server is."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME, alone=True, retries=ONCE)}) as stage:
            well = good_stream() if stream else good_answer()
            stage.upstream.scripts[NAME, "primary"] = [well, Behaviour((), End.RESET), well]
            for _ in range(2):
                got = await stage.ask(chat(NAME, stream=stream))
                assert (got.status, got.headers["x-adept-attempts"]) == (200, "1")

    asyncio.run(story())


HEDGES: Mapping[str, tuple[Behaviour, Behaviour, str]] = {
    "the hedge is faster": (HANGS, good_answer(), "alternative"),
    "the first is faster after all": (Behaviour((0.4, *good_answer().steps)), HANGS, "primary"),
    "the hedge fails": (Behaviour((0.4, *good_answer().steps)), DOWN, "primary"),
    "the first fails late": (
        Behaviour((0.4, *DOWN.steps)),
        Behaviour((0.6, *good_answer().steps)),
        "alternative",
    ),
}


@pytest.mark.parametrize(("primary", "alternative", "by"), HEDGES.values(), ids=HEDGES)
def test_a_hedge(primary: Behaviour, alternative: Behaviour, by: str) -> None:
    """Given two attempts at once, then the first answer counts and the other attempt is dropped."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME, hedging=HEDGING)}) as stage:
            stage.upstream.scripts = {(NAME, "primary"): primary, (NAME, "alternative"): alternative}
            got = await stage.ask(chat(NAME))
            assert text_of(got)
            assert got.headers["x-adept-candidate"] == by
            assert got.took_s < 1.0 + SLACK_S
            await asyncio.sleep(0.1)
            first, second = stage.upstream.of(NAME)
            assert 0.15 - MOMENT_S <= second.at_s - first.at_s <= 0.15 + SLACK_S / 2
            assert all(seen.over_s is not None for seen in (first, second)), "the loser still runs"

    asyncio.run(story())


def test_hedges_stay_within_their_budget() -> None:
    async def story() -> None:
        hedging = {**HEDGING, "budget_percent": 25.0}
        async with staged({NAME: use_case(NAME, hedging=hedging)}) as stage:
            slow = Behaviour((0.3, *good_answer().steps))
            stage.upstream.scripts = {(NAME, "primary"): slow, (NAME, "alternative"): good_answer()}
            got = await asyncio.gather(*(stage.ask(chat(NAME)) for _ in range(40)))
            assert all(text_of(each) for each in got)
            assert len(stage.upstream.of(NAME, "alternative")) == 10

    asyncio.run(story())


@pytest.mark.parametrize(
    "shadowed", [HANGS, DOWN, Behaviour((), End.RESET)], ids=["hangs", "fails", "resets"]
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_shadow_delays_nobody_and_is_bounded(stream: bool, shadowed: Behaviour) -> None:
    """Given a shadowed candidate that is in trouble, then callers notice nothing, and at most two shadows are out."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME, shadow=SHADOW)}) as stage:
            well = good_stream() if stream else good_answer()
            stage.upstream.scripts = {(NAME, "primary"): well, (NAME, "alternative"): shadowed}
            got = await asyncio.gather(*(stage.ask(chat(NAME, stream=stream)) for _ in range(20)))
            for each in got:
                assert each.headers["x-adept-candidate"] == "primary"
                assert each.took_s < SLACK_S
                assert (read_stream(each.body)[1] == "[DONE]") if stream else text_of(each)
            await asyncio.sleep(0.3)
            out = stage.upstream.of(NAME, "alternative")
            assert out
            assert len(out) <= 2 or shadowed is not HANGS
            await asyncio.sleep(1.6)
            assert all(seen.over_s is not None for seen in stage.upstream.of(NAME)), (
                "a shadow outlives its time"
            )
            assert await stage.stop() == 0

    asyncio.run(story())
