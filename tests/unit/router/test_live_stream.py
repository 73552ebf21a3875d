"""Streaming through the core: at once, honestly, and no longer than somebody listens."""

from __future__ import annotations

import asyncio
import json
from unittest.mock import AsyncMock

import pytest

from lambdas.router.asking.live_stream import LINGER_S, MAX_WHOLE_BYTES, LiveStream
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.messages import Response, StreamedBody
from lambdas.router.trace import Ended
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import candidate, chunk, decoded_events, error_of, events, whole_stream
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, streamed, use_case_table

BROKEN = UpstreamError(FaultSource.SERVICE, "gpu lost", code="ModelError", status=500, from_engine=True)
CUT = UpstreamError(FaultSource.ANSWER, "the connection was cut", code="AnswerCut")
STALLED = UpstreamError(FaultSource.TIMEOUT, "nothing more", code="IdleTimeout")
FIRST = events(chunk("he"), done=False)
REST = events(chunk("llo"), chunk("", "stop"))
ROLE = events(chunk(""), done=False)  # says who speaks, and nothing
NOISE = b": still here\n\n"


def body_of(response: Response) -> StreamedBody:
    assert response.status == 200
    assert not isinstance(response.body, bytes)
    return response.body


def error_in(piece: bytes) -> dict[str, object]:
    (event,) = decoded_events(piece)
    error: dict[str, object] = event["error"]
    return error


def test_each_piece_goes_on_when_it_comes() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(0.5, FIRST, 1.0, REST)))
        response, trace = await world.open(streamed())
        assert (now_s(), trace.ended) == (0.5, None)
        assert response.headers["content-type"].startswith("text/event-stream")
        times = [(now_s(), piece) async for piece in body_of(response)]
        assert [time_s for time_s, _ in times] == [0.5, 1.5]
        assert times[-1][1].endswith(b"data: [DONE]\n\n")
        assert (trace.ended, trace.first_token_ms, trace.latency_ms) == (Ended.COMPLETE, 500, 1500)

    run_virtual(story())


@pytest.mark.parametrize("fault", [BROKEN, CUT, STALLED])
def test_before_the_first_token_a_stream_falls_over(fault: UpstreamError) -> None:
    """A role is not a token: nothing of the answer has been said yet."""

    async def story() -> None:
        world = World(FakeUpstream(primary=play(ROLE, 0.2, fault), alternative=whole_stream()))
        response = await world.ask(streamed())
        assert response.headers["x-adept-candidate"] == "alternative"
        assert decoded_events(response.body)[-1] == "[DONE]"

    run_virtual(story())


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (play(FIRST, 0.1, BROKEN), "gpu lost"),
        (play(FIRST, 0.1, CUT), "the connection was cut"),
        (play(FIRST, 50.0, REST), "no answer in time"),  # stalled
        (play(FIRST), "without its end marker"),
        (play(FIRST, 0.1, b"data: {broken\n\n"), "not valid JSON"),
        (play(FIRST, events({"error": {"message": "oom", "code": 500}}, done=False)), "oom"),
        (play(FIRST, *(1.0, NOISE) * 10), "nothing but noise"),
        (play(FIRST, b"data: [DONE]\n\n"), "finish_reason"),
    ],
    ids=["broken", "cut", "stalled", "unmarked", "malformed", "error event", "noise", "unfinished"],
)
def test_after_the_first_token_a_fault_is_the_last_event_and_no_end_marker_follows(
    rest: object, says: str
) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=rest, alternative=whole_stream()))  # type: ignore[arg-type]  # a Play
        response, trace = await world.open(streamed())
        *_, last = [piece async for piece in body_of(response)]
        error = error_in(last)
        assert says in str(error["message"])
        assert (error["type"], error["code"]) == ("server_error", "stream_interrupted")
        assert world.upstream.asked == ["primary"]
        assert (trace.ended, trace.error) == (Ended.ERROR, "stream_interrupted")
        assert trace.attempts[-1].outcome != "ok"

    run_virtual(story())


def test_a_stream_that_broke_half_way_counts_against_its_candidate() -> None:
    async def story() -> None:
        primary = [play(FIRST, CUT)] * 4
        world = World(FakeUpstream(primary=primary, alternative=whole_stream()))
        for _ in range(8):
            await world.ask(streamed())
        assert await world.answered_by(streamed()) == "alternative"

    run_virtual(story())


@pytest.mark.parametrize("pieces", [1, 0])
def test_a_caller_who_leaves_stops_the_model_server(pieces: int) -> None:
    """After some pieces, or before the first was taken."""

    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, 1.0, REST)))
        response, trace = await world.open(streamed())
        body = body_of(response)
        for _ in range(pieces):
            await anext(body)
        await body.aclose()
        await body.aclose()
        assert world.upstream.dropped == ["primary"]
        assert (trace.ended, len(world.traces)) == (Ended.GONE, 1)

    run_virtual(story())


def test_a_caller_who_leaves_while_a_piece_is_awaited_stops_the_model_server() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, 100.0, REST)))
        response, trace = await world.open(streamed())
        body = body_of(response)
        await anext(body)
        reading = asyncio.ensure_future(anext(body))
        await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await body.aclose()
        assert world.upstream.dropped == ["primary"]
        assert trace.ended is Ended.GONE

    run_virtual(story())


def test_a_caller_who_leaves_at_the_end_marker_has_it_all() -> None:
    """OpenAI's SDKs do: they close the response when they have read [DONE]."""

    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, REST, 100.0)))
        response, trace = await world.open(streamed())
        body = body_of(response)
        while b"[DONE]" not in await anext(body):
            pass
        await body.aclose()
        assert trace.ended is Ended.COMPLETE
        assert now_s() == LINGER_S

    run_virtual(story())


@pytest.mark.parametrize("after", [100.0, CUT])
def test_what_goes_wrong_after_the_end_marker_goes_wrong_for_nobody(after: float | UpstreamError) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, REST, after)))
        response = await world.ask(streamed())
        assert decoded_events(response.body)[-1] == "[DONE]"
        assert world.traces[0].ended is Ended.COMPLETE
        assert now_s() <= LINGER_S

    run_virtual(story())


def test_a_model_server_that_keeps_busy_without_a_token_is_too_slow() -> None:
    async def story() -> None:
        busy = play(*(0.5, NOISE) * 100)
        world = World(FakeUpstream(primary=busy, alternative=whole_stream()))
        assert await world.answered_by(streamed()) == "alternative"
        assert now_s() == 4.0  # the use case's limit to the first token
        assert world.traces[0].attempts[0].code == "FirstTokenTimeout"
        assert world.upstream.dropped == ["primary"]

    run_virtual(story())


def test_a_stream_outlasts_the_time_limit_of_whole_answers() -> None:
    async def story() -> None:
        words = [step for _ in range(30) for step in (1.5, events(chunk("word "), done=False))]
        world = World(FakeUpstream(primary=play(*words, REST)))
        response = await world.ask(streamed())
        assert decoded_events(response.body)[-1] == "[DONE]"
        assert now_s() == 45.0  # whole answers have 20 s here

    run_virtual(story())


def test_where_answers_are_handed_over_whole_a_stream_falls_over_at_any_point() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, 1.0, CUT), alternative=whole_stream()))
        response, trace = await world.open(streamed(), buffered=True)
        assert isinstance(response.body, bytes)
        assert response.headers["x-adept-candidate"] == "alternative"
        assert trace.ended is Ended.COMPLETE
        assert [attempt.outcome for attempt in trace.attempts] == ["broken", "ok"]

    run_virtual(story())


def test_a_stream_that_is_too_large_to_be_handed_over_whole_is_refused() -> None:
    async def story() -> None:
        large = events(chunk("x" * 100_000), done=False)
        world = World(
            FakeUpstream(primary=play(*[large] * (MAX_WHOLE_BYTES // 100_000 + 1), REST)),
            use_case_table(candidate("primary", "m")),
        )
        response = await world.ask(streamed(), buffered=True)
        assert error_of(response)["code"] == "candidates_failed"
        assert "exceeds" in json.loads(response.body)["error"]["message"]

    run_virtual(story())


def test_a_fault_of_the_router_itself_ends_a_stream_as_any_other_and_tells_no_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=play(FIRST, 0.1, REST)))
        response, trace = await world.open(streamed())
        body = body_of(response)
        await anext(body)
        monkeypatch.setattr(LiveStream, "read_on", AsyncMock(side_effect=ValueError("the secret answer")))
        error = error_in(await anext(body))
        assert error["code"] == "stream_interrupted"
        assert "secret" not in str(error)
        assert (trace.ended, trace.attempts[-1].code) == (Ended.ERROR, "ValueError")

    run_virtual(story())
