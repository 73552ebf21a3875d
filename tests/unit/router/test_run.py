"""One request's way through its candidates: who is asked, when, how often, and what the caller hears of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.trace import Ended
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import candidate, chat_body, chat_request, completion, error_of
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, message_of, streamed, use_case_table, with_headers

GOOD = completion("good")
RETRIES = {"per_candidate": 2, "base_ms": 100, "cap_ms": 1_000}
HANGS = play(1000.0)


def engine(status: int, message: str = "m", **changes: Any) -> UpstreamError:
    return UpstreamError(
        FaultSource.SERVICE, message, code="ModelError", status=status, from_engine=True, **changes
    )


def service(code: str, status: int, **changes: Any) -> UpstreamError:
    return UpstreamError(
        FaultSource.SERVICE, f"SageMaker answered {code}", code=code, status=status, **changes
    )


BROKEN, THROTTLED = engine(500, "gpu lost"), service("ThrottlingException", 400)
NOT_READY = service("ModelNotReadyException", 429)
RESET = UpstreamError(FaultSource.CONNECTION, "SageMaker hung up", code="ConnectionClosed")
TOO_LONG = engine(422, "`inputs` must have less than 3072 tokens. Given: 5000")
FILTERED = UpstreamError(
    FaultSource.ANSWER, "the content is declined", code="content_filter", from_engine=True
)


def again(**changes: object) -> dict[str, object]:
    return {"retries": RETRIES | changes}


def outcomes(world: World) -> list[tuple[str, str]]:
    return [(attempt.role, attempt.outcome) for attempt in world.traces[-1].attempts]


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
        assert [trace.ended for trace in world.traces] == [Ended.GONE]

    run_virtual(story())


# The breaker at work.


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
