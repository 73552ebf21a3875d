"""A caller who leaves, at every stage: the upstream's work ends, nobody is asked any more, and the log says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.faults.behaviours import TOKENS, engine, good_stream, part, streams, tgi_error
from tests.faults.stage import Caller, Stage, chat, staged, use_case
from tests.faults.upstream import Behaviour, End, Seen

SOON_S = 1.5
NAME = "left"
HANGS = Behaviour((), End.HANG)
BEGUN = streams(part(TOKENS[0]), end=End.HANG)
OVERLOADED = engine(429, tgi_error("busy"), {"retry-after": "1"})
ENDLESS = streams(*(step for _ in range(2000) for step in (part(TOKENS[1] * 400), 0.0)), end=End.HANG)
HEDGING = {"after_ms": 100, "to": "next", "max_prompt_chars": 4000, "budget_percent": 100}
PATIENT = {"max_body_bytes": 65_536, "max_messages": 4, "max_output_tokens": 100, "timeout_ms": 20_000}
SLOW = {"timeout_ms": 20_000, "first_token_ms": 20_000, "idle_ms": 20_000}


@dataclass(frozen=True)
class Leave:
    """When a caller leaves: after `when`. `asked`: the variants that were asked, all of them dropped."""

    primary: Behaviour
    stream: bool
    when: Callable[[Stage, Caller], Awaitable[None]]
    asked: Sequence[str] = ("primary",)
    hedged: bool = False
    alternative: Behaviour = HANGS


async def _asked(stage: Stage, caller: Caller) -> None:  # noqa: ARG001 - each has the same shape
    await _until(lambda: stage.upstream.of(NAME))


async def _both_asked(stage: Stage, caller: Caller) -> None:  # noqa: ARG001 - one signature for every stage
    await _until(lambda: len(stage.upstream.of(NAME)) == 2)


async def _waits(stage: Stage, caller: Caller) -> None:  # noqa: ARG001 - one signature for every stage
    """Both were asked and are over: the router waits for the time that they asked for."""
    await _until(lambda: len([seen for seen in stage.upstream.of(NAME) if seen.over_s is not None]) == 2)
    await asyncio.sleep(0.1)


async def _has_a_token(stage: Stage, caller: Caller) -> None:  # noqa: ARG001 - one signature for every stage
    await caller.head()
    assert b"the " in await caller.chunk()


async def _reads_nothing(stage: Stage, caller: Caller) -> None:  # noqa: ARG001 - one signature for every stage
    """Buffers are full on the whole way, so that the router waits for the caller to read."""
    await caller.head()
    await asyncio.sleep(0.7)


STAGES = {
    "while a whole answer is made": Leave(HANGS, False, _asked),
    "before the first token": Leave(HANGS, True, _asked),
    "while the alternative is asked": Leave(engine(500, "x"), False, _both_asked, ("primary", "alternative")),
    "while the router waits to ask again": Leave(
        OVERLOADED, False, _waits, ("primary", "alternative"), alternative=OVERLOADED
    ),
    "while a hedge runs": Leave(HANGS, False, _both_asked, ("primary", "alternative"), hedged=True),
    "within a stream": Leave(BEGUN, True, _has_a_token),
    "while it reads nothing of a stream": Leave(ENDLESS, True, _reads_nothing),
}


@pytest.mark.parametrize("leave", STAGES.values(), ids=STAGES)
def test_leaving(leave: Leave) -> None:
    """Given a caller who leaves, then every attempt is dropped, none follows, and the log says that it has gone."""

    async def story() -> None:
        table = {
            NAME: use_case(NAME, limits=PATIENT, streams=SLOW, hedging=HEDGING if leave.hedged else None)
        }
        async with staged(table) as stage:
            stage.upstream.scripts = {
                (NAME, "primary"): leave.primary,
                (NAME, "alternative"): leave.alternative,
            }
            caller = await stage.open(chat(NAME, stream=leave.stream))
            await leave.when(stage, caller)
            caller.leave()
            await _until(lambda: _all_over(stage.upstream.of(NAME)))
            await asyncio.sleep(
                1.2 if leave.primary is OVERLOADED else 0.2
            )  # whoever would be asked again, is by now
            assert [seen.variant for seen in stage.upstream.of(NAME)] == list(leave.asked)
            assert await stage.stop() == 0
            (line,) = stage.lines_of(NAME)
            assert line["ended"] == "gone"

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_leaving_before_the_request_is_whole_asks_nobody(stream: bool) -> None:
    async def story() -> None:
        async with staged({NAME: use_case(NAME)}) as stage:
            caller = await Caller.connect(stage.port)
            caller.send(chat(NAME, stream=stream), {}, cut_at=20)
            await asyncio.sleep(0.1)
            caller.leave()
            await asyncio.sleep(0.2)
            assert not stage.upstream.of(NAME)
            assert await stage.stop() == 0

    asyncio.run(story())


def test_leaving_at_the_end_marker_leaves_a_connection_that_is_used_again() -> None:
    """Given callers who hang up at [DONE], as SDKs do, then what they leave is in order: one connection serves them."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME)}) as stage:
            stage.upstream.scripts[NAME, "primary"] = good_stream(pause_s=0.01)
            for _ in range(5):
                caller = await stage.open(chat(NAME, stream=True))
                await caller.head()
                while b"[DONE]" not in await caller.chunk():
                    pass
                caller.leave()
                await asyncio.sleep(0.1)
            assert await stage.stop() == 0
            assert [line["ended"] for line in stage.lines_of(NAME)] == ["complete"] * 5
            assert stage.upstream.connections == 1

    asyncio.run(story())


def test_a_caller_who_leaves_takes_nobody_along() -> None:
    """Given many callers of whom every other one leaves, then each of the others has its whole answer."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME, limits=PATIENT, streams=SLOW)}) as stage:
            stage.upstream.scripts[NAME, "primary"] = good_stream(pause_s=0.1)
            callers = [await stage.open(chat(NAME, stream=True)) for _ in range(40)]
            for caller in callers[::2]:
                await caller.head()
                caller.leave()
            answers = await asyncio.gather(*(caller.answer() for caller in callers[1::2]))
            for caller in callers[1::2]:
                caller.leave()
            assert all(got.status == 200 and got.whole and b"[DONE]" in got.body for got in answers)
            assert await stage.stop() == 0
            ended = [line["ended"] for line in stage.lines_of(NAME)]
            assert (ended.count("complete"), ended.count("gone")) == (20, 20)

    asyncio.run(story())


def _all_over(seen: Sequence[Seen]) -> bool:
    return bool(seen) and all(each.over_s is not None for each in seen)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.01)
