"""Limits per key: what is reserved, refused, settled, and what happens while nothing can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lambdas.router.errors import ApiError
from lambdas.router.limits.admission import Admission
from lambdas.router.limits.key_limits import COUNT_TIMEOUT_S, KeyLimits
from lambdas.router.limits.settings import LimitSettings
from tests.unit.router.fake_counter import FakeCounter
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import settle


class Desk:
    """Limits over a counter in memory, by the virtual clock. `told` are the outages that were reported."""

    def __init__(
        self, requests: int | None = 3, tokens: int | None = 1000, *, refuse_uncounted: bool = False
    ) -> None:
        self.counter = FakeCounter()
        self.told: list[str] = []
        settings = LimitSettings("t", requests, tokens, refuse_uncounted)
        self.limits = KeyLimits(settings, self.counter, wall=now_s, unavailable=self.told.append)

    async def admit(self, caller: str | None = "a", chars: int = 400, output: int = 100) -> Admission:
        return await self.limits.admit(caller, chars, output)

    async def refusal(self, caller: str | None = "a", **needs: int) -> ApiError:
        with pytest.raises(ApiError) as refused:
            await self.admit(caller, **needs)
        return refused.value

    async def settled(self) -> None:
        await settle()
        await asyncio.sleep(self.counter.takes_s)
        await settle()


def story(tell: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test's story on a virtual clock."""

    def test() -> None:
        async def told() -> None:
            await tell()

        run_virtual(told())

    test.__name__, test.__doc__ = tell.__name__, tell.__doc__
    return test


@story
async def test_both_limits_cost_one_round_trip_together() -> None:
    desk = Desk()
    began_s = now_s()
    await desk.admit()
    assert now_s() - began_s == pytest.approx(desk.counter.takes_s)
    assert desk.counter.additions == [
        ("requests", 1),
        ("tokens", 200),
    ]  # 400 characters, 100 tokens of answer


@story
async def test_a_limit_that_is_not_set_is_not_counted() -> None:
    desk = Desk(requests=None, tokens=500)
    admission = await desk.admit()
    assert desk.counter.additions == [("tokens", 200)]
    assert "x-ratelimit-limit-requests" not in admission.headers


@story
async def test_an_admission_tells_the_caller_how_much_is_left() -> None:
    desk = Desk()
    await desk.admit()
    assert (await desk.admit()).headers == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "600",
        "x-ratelimit-reset-tokens": "24h0m0s",
    }


@story
async def test_a_full_minute_is_refused_until_it_is_over_and_reserves_no_tokens() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.admit()
    refused = await desk.refusal()
    assert (refused.status, refused.kind, refused.code) == (429, "requests", "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    await desk.settled()
    assert desk.counter.of("tokens") == 600
    await asyncio.sleep(60)
    await desk.admit()


@story
async def test_a_day_without_room_is_refused_and_no_sdk_repeats_it_at_once() -> None:
    desk = Desk(requests=None, tokens=500)
    await desk.admit()
    await desk.admit()
    refused = await desk.refusal()
    assert (refused.status, refused.kind, refused.code) == (429, "insufficient_quota", "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "100"
    assert "has 100 left" in refused.message
    assert (await desk.admit(chars=200, output=50)).headers["x-ratelimit-remaining-tokens"] == "0"


@story
async def test_callers_have_counts_of_their_own_and_those_without_a_name_share_one() -> None:
    desk = Desk(requests=1, tokens=None)
    await desk.admit("a")
    await desk.admit("b")
    await desk.admit(None)
    assert (await desk.refusal(None)).status == 429


@story
async def test_parallel_requests_never_exceed_a_limit_together() -> None:
    desk = Desk(requests=20, tokens=2000)
    outcomes = await asyncio.gather(*(desk.admit() for _ in range(50)), return_exceptions=True)
    passed = [outcome for outcome in outcomes if isinstance(outcome, Admission)]
    await desk.settled()
    assert len(passed) == 10  # of 200 tokens each
    assert desk.counter.of("tokens") == 2000
    assert desk.counter.of("requests") <= 20


@story
async def test_what_was_not_used_is_given_back_and_what_was_used_beyond_is_charged() -> None:
    desk = Desk()
    desk.limits.settle(await desk.admit(), 50)
    await desk.settled()
    assert desk.counter.of("tokens") == 50
    desk.limits.settle(await desk.admit(), 300)
    await desk.settled()
    assert desk.counter.of("tokens") == 350


@story
async def test_settling_what_was_reserved_exactly_asks_nobody() -> None:
    desk = Desk()
    desk.limits.settle(await desk.admit(), 200)
    await desk.settled()
    assert len(desk.counter.additions) == 2


@story
async def test_an_engine_that_counts_nothing_is_charged_as_reserved() -> None:
    admission = await Desk().admit()
    assert admission.used(None, None) == 200
    assert admission.used(7, None) == 107
    assert admission.used(7, 3) == 10


@story
async def test_a_caller_who_leaves_while_being_counted_loses_no_tokens() -> None:
    desk = Desk()
    waiting = asyncio.ensure_future(desk.admit())
    await asyncio.sleep(desk.counter.takes_s / 4)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(1)
    assert desk.counter.of("tokens") == 0


@pytest.mark.parametrize("outage", ["ProvisionedThroughputExceededException", "slow"])
@pytest.mark.parametrize("refuse", [True, False])
def test_what_cannot_be_counted_passes_or_not_as_the_environment_says(outage: str, refuse: bool) -> None:
    async def tell() -> None:
        desk = Desk(refuse_uncounted=refuse)
        if outage == "slow":
            desk.counter.takes_s = 60.0
        else:
            desk.counter.failing = outage
        began_s = now_s()
        if refuse:
            refused = await desk.refusal()
            assert (refused.status, refused.code) == (503, "limits_unavailable")
            assert refused.headers["retry-after"] == "2"
        else:
            assert (await desk.admit()).headers == {}
        assert now_s() - began_s <= COUNT_TIMEOUT_S
        assert desk.told == ["Timeout" if outage == "slow" else outage]

    run_virtual(tell())


@story
async def test_a_table_that_keeps_failing_is_left_alone_for_a_while_and_reported_once() -> None:
    desk = Desk()
    desk.counter.failing = "Timeout"
    for _ in range(10):
        await desk.admit()
    assert len(desk.counter.additions) == 4  # three failures in a row, and the one beside the third
    assert desk.told == ["Timeout"]
    desk.counter.failing = None
    await asyncio.sleep(5.1)
    assert (await desk.admit()).headers != {}
    desk.counter.failing = "Timeout"
    await desk.admit()
    assert desk.told == ["Timeout", "Timeout"]


@story
async def test_a_settlement_that_fails_is_not_repeated_and_harms_nobody() -> None:
    desk = Desk()
    admission = await desk.admit()
    desk.counter.failing = "Timeout"
    desk.limits.settle(admission, 10)
    await desk.settled()
    assert desk.counter.of("tokens") == 200
    assert len(desk.counter.additions) == 3


@story
async def test_closing_waits_for_what_is_being_settled() -> None:
    desk = Desk()
    desk.limits.settle(await desk.admit(), 10)
    await desk.limits.close()
    assert desk.counter.of("tokens") == 10
    assert desk.counter.is_closed
