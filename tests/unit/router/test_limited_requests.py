"""Requests of keys with limits: counted before a model is asked, settled after the answer, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambdas.router.limits.key_limits import KeyLimits
from lambdas.router.limits.settings import LimitSettings
from lambdas.router.messages import Request
from tests.unit.router.fake_counter import FakeCounter
from tests.unit.router.fake_upstream import FakeAnswer, FakeUpstream, play
from tests.unit.router.support import chat_body, chat_request, chunk, completion, error_of, events
from tests.unit.router.test_failures import service
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, settle, streamed

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
# "hello" is two tokens by estimate, and the answer has 50 at most.
RESERVED = 52
WHOLE_STREAM = events(
    chunk("he"), chunk("llo"), chunk("", "stop"), {**chunk(), "choices": [], "usage": USAGE}
)


class Limited(World):
    """A router whose keys may do so much."""

    def __init__(self, answer: FakeAnswer, requests: int = 5, tokens: int = 1000) -> None:
        self.counter = FakeCounter()
        limits = KeyLimits(LimitSettings("t", requests, tokens, False), self.counter, wall=now_s)
        super().__init__(FakeUpstream(primary=answer, alternative=answer), limits=limits)

    async def settled(self) -> None:
        await settle()
        await asyncio.sleep(1)


def _request(request: Request | None = None, **fields: Any) -> Request:
    given = request or chat_request(chat_body(max_tokens=50, **fields))
    return Request(**{name: getattr(given, name) for name in _FIELDS} | {"caller": "key-1"})


_FIELDS = ("method", "path", "headers", "query", "body", "request_id", "waited_s")


def test_an_answer_says_what_is_left_and_is_charged_by_the_engines_count() -> None:
    async def story() -> None:
        world = Limited(completion())
        response = await world.ask(_request())
        assert response.status == 200
        assert response.headers["x-ratelimit-remaining-requests"] == "4"
        assert response.headers["x-ratelimit-remaining-tokens"] == str(1000 - RESERVED)
        await world.settled()
        assert world.counter.of("tokens") == 10

    run_virtual(story())


@pytest.mark.parametrize("buffered", [True, False])
def test_a_stream_is_settled_when_it_has_ended(buffered: bool) -> None:
    async def story() -> None:
        world = Limited(WHOLE_STREAM)
        response = await world.ask(_request(streamed(max_tokens=50)), buffered=buffered)
        assert response.headers["x-ratelimit-limit-tokens"] == "1000"
        await world.settled()
        assert world.counter.of("tokens") == 10

    run_virtual(story())


def test_a_stream_that_its_caller_leaves_is_charged_as_reserved() -> None:
    async def story() -> None:
        first, rest = events(chunk("he"), done=False), events(chunk("llo"), chunk("", "stop"))
        world = Limited(play(first, 5.0, rest))
        response, _ = await world.open(_request(streamed(max_tokens=50)))
        assert not isinstance(response.body, bytes)
        await anext(response.body)
        await response.body.aclose()
        await world.settled()
        assert world.counter.of("tokens") == RESERVED

    run_virtual(story())


def test_a_stream_that_breaks_costs_its_key_nothing_that_is_not_known() -> None:
    async def story() -> None:
        world = Limited(play(events(chunk("he"), done=False), service("InternalFailure", 500)))
        await world.ask(_request(streamed(max_tokens=50)))
        await world.settled()
        assert world.counter.of("tokens") == 0
        assert world.counter.of("requests") == 1

    run_virtual(story())


def test_a_request_that_nobody_answered_costs_its_key_no_tokens_and_says_what_is_left() -> None:
    async def story() -> None:
        world = Limited(service("InternalFailure", 500))
        response = await world.ask(_request())
        assert response.status == 502
        assert response.headers["x-ratelimit-remaining-requests"] == "4"
        await world.settled()
        assert world.counter.of("tokens") == 0

    run_virtual(story())


def test_a_caller_who_leaves_before_the_answer_is_charged_no_tokens() -> None:
    async def story() -> None:
        world = Limited(play(5.0, completion()))
        asked = asyncio.ensure_future(world.ask(_request()))
        await asyncio.sleep(1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await world.settled()
        assert world.counter.of("tokens") == 0
        assert world.traces[0].ended == "gone"

    run_virtual(story())


def test_a_refused_request_asks_no_model_and_is_an_openai_error_with_its_headers() -> None:
    async def story() -> None:
        world = Limited(completion(), requests=1)
        await world.ask(_request())
        refused = await world.ask(_request())
        assert refused.status == 429
        assert (error_of(refused)["type"], error_of(refused)["code"]) == ("requests", "rate_limit_exceeded")
        assert refused.headers["retry-after"] == "60"
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert len(world.upstream.calls) == 1
        assert world.traces[1].error == "rate_limit_exceeded"

    run_virtual(story())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", "/v1/models"), 200),
        (Request("GET", "/health"), 200),
        (chat_request(chat_body("x")), 404),
    ],
)
def test_what_asks_no_model_is_not_counted(request_: Request, status: int) -> None:
    async def story() -> None:
        world = Limited(completion())
        assert (await world.ask(_request(request_))).status == status
        assert world.counter.additions == []

    run_virtual(story())


@pytest.mark.parametrize(("fields", "most"), [({"n": 3}, 150), ({}, 50)])
def test_every_choice_of_an_answer_is_reserved_for(fields: dict[str, Any], most: int) -> None:
    async def story() -> None:
        world = Limited(completion())
        await world.ask(_request(model="job-parsing", **fields))
        assert world.counter.additions[1] == ("tokens", 2 + most)

    run_virtual(story())


def test_the_answer_waits_for_no_settlement() -> None:
    async def story() -> None:
        world = Limited(play(1.0, completion()))
        began_s = now_s()
        await world.ask(_request())
        assert now_s() - began_s == pytest.approx(1.0 + world.counter.takes_s)
        assert world.counter.of("tokens") == RESERVED  # not settled yet, and answered all the same

    run_virtual(story())
