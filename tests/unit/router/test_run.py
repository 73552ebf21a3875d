"""One request's way through its candidates: who is asked, when, how often, and what the caller hears of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambdas.router.answers import Answer
from lambdas.router.asking.answering import answer
from lambdas.router.asking.attempts import Asked, Attempts
from lambdas.router.choosing.choice import Choice, choose
from lambdas.router.choosing.plan import Plan
from lambdas.router.deadline import Deadline
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.failures import UpstreamError
from lambdas.router.ports import StreamReader
from lambdas.router.route_table import Candidate
from lambdas.router.trace import Ended, Trace
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import candidate, error_of
from tests.unit.router.turns import (
    BROKEN,
    FILTERED,
    GOOD,
    HANGS,
    NOT_READY,
    RESET,
    THROTTLED,
    TOO_LONG,
    again,
)
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import (
    World,
    engine,
    message_of,
    outcomes,
    service,
    streamed,
    use_case_table,
    with_headers,
)


@pytest.mark.parametrize("fault", [THROTTLED, NOT_READY, RESET], ids=["throttled", "not ready", "reset"])
def test_a_fault_that_passes_is_tried_again_after_the_others_and_a_wait(fault: UpstreamError) -> None:
    """Given two candidates whose faults pass; then each is asked once before any is asked again."""

    async def story() -> None:
        world = World(FakeUpstream(primary=[fault, GOOD], alternative=fault), use_case_table(**again()))
        assert await world.answered_by() == "primary"
        assert world.upstream.asked == ["primary", "alternative", "primary"]
        assert world.upstream.times_s == [
            0,
            0,
            pytest.approx(0.05),
        ]  # half of the first bound, by the jitter given
        assert [attempt.waited_ms for attempt in world.traces[0].attempts] == [0, 0, 50]
        assert world.traces[0].failovers == 1

    run_virtual(story())


def test_repetitions_are_bounded_and_their_waits_grow() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=THROTTLED), use_case_table(candidate("primary", "m"), **again()))
        response = await world.ask()
        assert response.status == 429
        assert world.upstream.times_s == [0, pytest.approx(0.05), pytest.approx(0.15)]
        assert message_of(response).endswith("3 times")

    run_virtual(story())


def test_a_use_case_can_do_without_repetitions() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=THROTTLED, alternative=THROTTLED), use_case_table())
        assert (await world.ask()).status == 429
        assert world.upstream.asked == ["primary", "alternative"]

    run_virtual(story())


@pytest.mark.parametrize("fault", [BROKEN, engine(424), service("ValidationError", 400), TOO_LONG, FILTERED])
def test_a_fault_that_stays_is_not_tried_again(fault: UpstreamError) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=fault, alternative=fault), use_case_table(**again()))
        assert (await world.ask()).status >= 400
        assert len(world.upstream.asked) <= 2

    run_virtual(story())


def test_what_the_answer_asks_to_wait_is_waited_where_it_fits() -> None:
    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=3.0)
        world = World(
            FakeUpstream(primary=[busy, GOOD]), use_case_table(candidate("primary", "m"), **again())
        )
        assert await world.answered_by() == "primary"
        assert world.upstream.times_s == [0, pytest.approx(3.05)]

    run_virtual(story())


def test_what_the_answer_asks_to_wait_is_told_the_caller_where_it_does_not_fit() -> None:
    """Given a deadline of 20 s and an engine that asks for 30; then nobody waits in vain."""

    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=30.0)
        world = World(FakeUpstream(primary=busy), use_case_table(candidate("primary", "m"), **again()))
        response = await world.ask()
        assert (response.status, response.headers["retry-after"]) == (429, "30")
        assert (now_s(), world.upstream.asked) == (0, ["primary"])

    run_virtual(story())


def test_a_wait_elsewhere_does_not_keep_the_next_candidate_waiting() -> None:
    async def story() -> None:
        busy = engine(429, "overloaded", retry_after_s=3.0)
        world = World(FakeUpstream(primary=busy, alternative=GOOD), use_case_table(**again()))
        assert await world.answered_by() == "alternative"
        assert now_s() == 0
        assert world.traces[0].failovers == 1

    run_virtual(story())


@pytest.mark.parametrize(
    ("headers", "options", "ends_s"),
    [
        ({}, {}, 20.0),  # the use case's time-out
        ({"x_adept_timeout_ms": "1500"}, {}, 1.5),
        ({"x_adept_timeout_ms": "900000"}, {}, 20.0),  # a caller cannot have more
        ({}, {"process_left_s": 3.5}, 3.0),
        ({"x_adept_timeout_ms": "9000"}, {"process_left_s": 3.5, "buffered": True}, 3.0),
    ],
)
def test_everything_is_paid_out_of_one_deadline(
    headers: dict[str, Any], options: dict[str, Any], ends_s: float
) -> None:
    """Attempts, waits and repetitions end by then, and share it."""

    async def story() -> None:
        world = World(
            FakeUpstream(primary=[THROTTLED, HANGS], alternative=HANGS),
            use_case_table(**again(per_candidate=5)),
        )
        response = await world.ask(with_headers(**headers), **options)
        assert response.status in (503, 504)
        assert ends_s - 0.1 <= now_s() <= ends_s

    run_virtual(story())


@pytest.mark.parametrize("text", ["0", "-5", "1e3", "soon", "", "99999999999"])
def test_a_time_limit_that_is_none_is_refused(text: str) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=GOOD))
        error = error_of(await world.ask(with_headers(x_adept_timeout_ms=text)))
        assert error["param"] == "x-adept-timeout-ms"
        assert world.upstream.asked == []

    run_virtual(story())


LONG, SHORT = candidate("alternative", "long", max_total_tokens=8192), candidate("alternative", "short")


def test_a_prompt_that_is_too_long_goes_to_a_candidate_with_a_longer_context() -> None:
    async def story() -> None:
        table = use_case_table(candidate("primary", "m"), LONG)
        world = World(FakeUpstream(primary=TOO_LONG, alternative=GOOD), table)
        assert await world.answered_by() == "alternative"
        assert outcomes(world) == [("primary", "context_length"), ("alternative", "ok")]

    run_virtual(story())


def test_a_prompt_that_is_too_long_for_all_is_the_callers_error_and_bothers_no_other() -> None:
    async def story() -> None:
        table = use_case_table(candidate("primary", "m"), SHORT)
        world = World(FakeUpstream(primary=TOO_LONG, alternative=GOOD), table)
        response = await world.ask()
        assert (response.status, error_of(response)["code"]) == (400, "context_length_exceeded")
        assert world.upstream.asked == ["primary"]

    run_virtual(story())


def test_content_that_one_declines_may_be_answered_by_another() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=FILTERED, alternative=[GOOD, FILTERED]))
        assert await world.answered_by() == "alternative"
        response = await world.ask()
        assert (response.status, error_of(response)["code"]) == (400, "content_filter")

    run_virtual(story())


def test_a_refusal_after_another_failure_hides_neither() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=BROKEN, alternative=engine(422, "seed must be positive")))
        response = await world.ask()
        assert response.status == 400
        assert "seed must be positive" in message_of(response)
        assert "primary: broken (gpu lost)" in message_of(response)

    run_virtual(story())


def test_a_caller_who_leaves_before_the_answer_stops_the_attempt_and_is_traced() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=HANGS))
        asking = asyncio.ensure_future(world.open())
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert world.upstream.dropped == ["primary"]
        (trace,) = world.traces
        assert trace.ended is Ended.GONE
        assert [(each.role, each.outcome, each.duration_ms) for each in trace.attempts] == [
            ("primary", "dropped", 1000.0)
        ]

    run_virtual(story())


def test_a_stream_has_its_own_time_limit_and_each_attempt_one_to_its_first_token() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=HANGS, alternative=HANGS))
        response = await world.ask(streamed())
        assert response.status == 504
        assert [limits.first_s for limits in world.upstream.limits] == [4.0, 4.0]
        assert [limits.idle_s for limits in world.upstream.limits] == [2.0, 2.0]
        assert [limits.total_s for limits in world.upstream.limits] == [60.0, 56.0]

    run_virtual(story())


def test_the_errors_code_is_in_the_trace() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=BROKEN, alternative=BROKEN))
        response = await world.ask()
        assert world.traces[0].error == json.loads(response.body)["error"]["code"] == "candidates_failed"

    run_virtual(story())


def test_a_throttled_account_is_not_asked_more_than_it_must_be() -> None:
    """Given two candidates behind one throttle; then each is asked once, and one of them again."""

    async def story() -> None:
        world = World(FakeUpstream(primary=THROTTLED, alternative=THROTTLED), use_case_table(**again()))
        assert (await world.ask()).status == 429
        assert world.upstream.asked == ["primary", "alternative", "primary", "primary"]

    run_virtual(story())


class PickyRequest:
    """A request that only some candidates' engines can do."""

    stream = False
    prompt_chars = 1
    most_output_tokens = 1

    def __init__(self, choice: Choice, *able: str) -> None:
        self.choice = choice
        self._able = able

    def payload(self, candidate: Candidate) -> bytes:
        if candidate.role in self._able:
            return b"{}"
        raise bad_request(f"n is not possible with {candidate.role}.", param="n")

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:
        assert candidate
        assert request_id
        return Answer(raw, "application/json")

    def reader(self, candidate: Candidate, request_id: str) -> StreamReader:
        raise AssertionError(f"{request_id} does not stream from {candidate.role}")


def picky(upstream: FakeUpstream, *able: str) -> tuple[Attempts, Asked]:
    choice = choose(use_case_table(), "query-enhancement")
    plan = Plan(choice.route, choice.candidates)
    asked = Asked(PickyRequest(choice, *able), plan, Deadline(20.0), Trace(request_id="req-1"), whole=False)
    return Attempts(upstream, now_s), asked


def test_a_candidate_whose_engine_cannot_do_it_is_passed_over_unasked() -> None:
    async def story() -> None:
        upstream = FakeUpstream(alternative=GOOD)
        attempts, asked = picky(upstream, "alternative")
        assert (await answer(attempts, asked)).candidate.role == "alternative"
        assert upstream.asked == ["alternative"]
        assert len(asked.trace.attempts) == 1

    run_virtual(story())


@pytest.mark.parametrize(("able", "status"), [((), 400), (("alternative",), 502)])
def test_what_no_engine_can_do_is_the_callers_error_and_otherwise_one_cause_of_several(
    able: tuple[str, ...], status: int
) -> None:
    async def story() -> None:
        attempts, asked = picky(FakeUpstream(alternative=BROKEN), *able)
        with pytest.raises(ApiError, match="n is not possible with primary") as caught:
            await answer(attempts, asked)
        assert caught.value.status == status

    run_virtual(story())
