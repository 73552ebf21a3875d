"""Whatever candidates do, in whatever order: no hang, no hammering, no truncated success, no masked cause."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.trace import Ended
from tests.unit.router.fake_upstream import FakeAnswer, FakeUpstream, play
from tests.unit.router.support import chunk, completion, decoded_events, events
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, message_of, streamed, use_case_table, with_headers

PER_CANDIDATE = 2
RETRIES = {"per_candidate": PER_CANDIDATE, "base_ms": 200, "cap_ms": 2_000}
HEDGING = {"after_ms": 300, "to": "next", "max_prompt_chars": 4000, "budget_percent": 100}
LIMIT_S = 20.0  # the use case's, in the table of these tests
STREAM_LIMIT_S = 60.0
TEXT = "the whole answer"


def _fault(kind: tuple[FaultSource, str, int | None, bool], retry_after_s: float | None) -> UpstreamError:
    source, code, status, from_engine = kind
    return UpstreamError(
        source,
        f"cause {code}",
        code=code,
        status=status,
        from_engine=from_engine,
        retry_after_s=retry_after_s,
    )


KINDS: list[tuple[FaultSource, str, int | None, bool]] = [
    (FaultSource.SERVICE, "ThrottlingException", 400, False),
    (FaultSource.SERVICE, "ModelNotReadyException", 429, False),
    (FaultSource.SERVICE, "ServiceUnavailable", 503, False),
    (FaultSource.SERVICE, "ValidationError", 400, False),
    (FaultSource.SERVICE, "InternalFailure", 500, False),
    (FaultSource.SERVICE, "ModelError", 429, True),
    (FaultSource.SERVICE, "ModelError", 424, True),
    (FaultSource.SERVICE, "ModelError", 422, True),
    (FaultSource.CONNECTION, "ConnectionClosed", None, False),
    (FaultSource.ANSWER, "AnswerCut", None, False),
    (FaultSource.ANSWER, "content_filter", None, True),
    (FaultSource.ANSWER, "context_length", None, True),
    (FaultSource.SETUP, "NoCredentials", None, False),
]
FAULTS = st.builds(_fault, st.sampled_from(KINDS), st.none() | st.sampled_from([0.0, 1.0, 7.0, 100.0]))
PAUSES = st.sampled_from([0.0, 0.1, 0.5, 3.0, 12.0, 500.0])
WHOLE = events(*(chunk(word) for word in ("the ", "whole ", "answer")), chunk("", "stop"))


@st.composite
def whole_answers(draw: st.DrawFn) -> FakeAnswer:
    last = draw(st.sampled_from([completion(TEXT), b"", b"<html>", b'{"choices": []}']) | FAULTS)
    return play(draw(PAUSES), last)


@st.composite
def streams(draw: st.DrawFn) -> FakeAnswer:
    """A stream in pieces with pauses, which may break, stall or end anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(WHOLE)), max_size=4)))
    end = draw(st.sampled_from([len(WHOLE), len(WHOLE), draw(st.integers(0, len(WHOLE)))]))
    bounds = [0, *(cut for cut in cuts if cut < end), end]
    steps: list[float | bytes | UpstreamError] = []
    for start, stop in pairwise(bounds):
        steps += [draw(PAUSES), WHOLE[start:stop]]
    if draw(st.booleans()):
        steps.append(draw(st.just(b"data: {broken\n\n") | FAULTS))
    return play(*steps)


def stream_text(body: bytes) -> tuple[str, list[Any]]:
    """(Text, other events): what a client makes of a stream."""
    text, others = "", []
    for event in decoded_events(body):
        if isinstance(event, dict) and event.get("choices"):
            text += event["choices"][0]["delta"].get("content") or ""
        else:
            others.append(event)
    return text, others


def attempts_are_bounded(world: World, jitter: float) -> None:
    """Each candidate once, and once for every repetition, never sooner than the first wait after the one before."""
    for variant in ("primary", "alternative"):
        times_s = [
            time_s
            for time_s, asked in zip(world.upstream.times_s, world.upstream.asked, strict=True)
            if asked == variant
        ]
        assert len(times_s) <= 1 + PER_CANDIDATE
        least_s = jitter * RETRIES["base_ms"] / 1000
        assert all(later - earlier >= least_s - 1e-6 for earlier, later in pairwise(times_s))


@settings(max_examples=150)
@given(
    primary=st.lists(whole_answers(), min_size=1, max_size=3),
    alternative=st.lists(whole_answers(), min_size=1, max_size=3),
    caller_ms=st.none() | st.integers(1, 30_000),
    hedged=st.booleans(),
    jitter=st.floats(0.01, 1),
)
def test_a_whole_answer_is_right_or_an_error_and_in_time(
    primary: list[FakeAnswer],
    alternative: list[FakeAnswer],
    caller_ms: int | None,
    hedged: bool,
    jitter: float,
) -> None:
    async def story() -> None:
        table = use_case_table(retries=RETRIES, hedging=HEDGING if hedged else None)
        world = World(FakeUpstream(primary=primary, alternative=alternative), table, jitter=lambda: jitter)
        headers = {} if caller_ms is None else {"x_adept_timeout_ms": str(caller_ms)}
        response = await world.ask(with_headers(None, **headers))
        assert now_s() <= min(LIMIT_S, (caller_ms or 1e9) / 1000) + 1e-6
        attempts_are_bounded(world, jitter)
        (trace,) = world.traces
        if response.status == 200:
            assert json.loads(response.body)["choices"][0]["message"]["content"] == TEXT
            assert trace.ended is Ended.COMPLETE
        else:
            told = message_of(response)
            for attempt in trace.attempts:
                assert (
                    attempt.outcome in ("caller", "dropped")
                    or attempt.role in told
                    or len(trace.attempts) == 1
                )

    run_virtual(story())


@settings(max_examples=200)
@given(
    primary=st.lists(streams(), min_size=1, max_size=2),
    alternative=st.lists(streams(), min_size=1, max_size=2),
    buffered=st.booleans(),
)
def test_a_stream_is_whole_or_ends_with_an_error_and_in_time(
    primary: list[FakeAnswer], alternative: list[FakeAnswer], buffered: bool
) -> None:
    async def story() -> None:
        table = use_case_table(retries=RETRIES)
        world = World(FakeUpstream(primary=primary, alternative=alternative), table)
        response = await world.ask(streamed(), buffered=buffered)
        assert now_s() <= (LIMIT_S if buffered else STREAM_LIMIT_S) + 0.3
        attempts_are_bounded(world, 0.5)
        (trace,) = world.traces
        if response.status != 200:
            assert json.loads(response.body)["error"]["message"]
            return
        text, others = stream_text(response.body)
        if others[-1:] == ["[DONE]"]:
            assert text == TEXT
            assert trace.ended is Ended.COMPLETE
        else:
            assert TEXT.startswith(text)
            assert not buffered
            assert others[-1]["error"]["code"] == "stream_interrupted"
            assert "[DONE]" not in others
            assert trace.ended is Ended.ERROR

    run_virtual(story())


@settings(max_examples=60)
@given(
    flapping=st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 4)), min_size=1, max_size=40),
)
def test_a_healthy_candidate_is_always_found_however_the_others_flap(
    flapping: list[tuple[bool, bool, float]],
) -> None:
    """Given two candidates that fail and recover at will; then a request fails only when both fail it."""
    fault = UpstreamError(FaultSource.SERVICE, "gpu lost", code="ModelError", status=500, from_engine=True)

    async def story() -> None:
        world = World(FakeUpstream())
        for primary_well, alternative_well, pause_s in flapping:
            world.upstream.answers = {
                "primary": completion() if primary_well else fault,
                "alternative": completion() if alternative_well else fault,
            }
            response = await world.ask()
            asked = {attempt.role for attempt in world.traces[-1].attempts}
            assert asked, "somebody is always asked"
            assert (response.status == 200) == (
                ("primary" in asked and primary_well) or ("alternative" in asked and alternative_well)
            )
            if primary_well and alternative_well:
                assert response.status == 200
            await asyncio.sleep(pause_s)

    run_virtual(story())
