"""Processes that tell each other of candidates: what it spares them, and that it never costs a request anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lambdas.router.asking.breakers import Key
from lambdas.router.asking.shared_breakers import EVERY_S, ItemBreakers, ItemsUnavailable
from tests.unit.router.fake_upstream import FakeAnswer, FakeUpstream
from tests.unit.router.support import completion
from tests.unit.router.virtual import now_s, run_virtual
from tests.unit.router.world import World, engine, settle, with_headers

GOOD, BROKEN = completion("good"), engine(500, "gpu lost")
TO_THE_ALTERNATIVE = with_headers(x_adept_candidate="alternative")
TOGETHER_S = 0.1


class Items:
    """Items in memory. `pause_s` is the time that a call takes, `fault` the code that it then ends with."""

    def __init__(self) -> None:
        self.until_s: dict[Key, float] = {}
        self.reads: list[float] = []
        self.writes: list[float] = []
        self.pause_s = 0.0
        self.fault: str | None = None
        self.closed = False

    async def read(self, key: Key, timeout_s: float) -> float:
        self.reads.append(now_s())
        await self._answer(timeout_s)
        return self.until_s.get(key, 0.0)

    async def write(self, key: Key, until_s: float, timeout_s: float) -> None:
        self.writes.append(until_s)
        await self._answer(timeout_s)
        self.until_s[key] = max(until_s, self.until_s.get(key, 0.0))

    def close(self) -> None:
        self.closed = True

    async def _answer(self, timeout_s: float) -> None:
        await asyncio.sleep(min(self.pause_s, timeout_s))
        if self.pause_s > timeout_s or self.fault:
            raise ItemsUnavailable(self.fault or "Timeout")


class Process(World):
    """A router of its own that meets others at `items`. `told`: why it could not."""

    def __init__(self, items: Items, **candidates: FakeAnswer | Sequence[FakeAnswer]) -> None:
        self.told: list[str] = []
        self.breakers = ItemBreakers(items, wall=now_s, unavailable=self.told.append)
        super().__init__(FakeUpstream(**candidates), shared=self.breakers)

    async def looked(self) -> None:
        """The look that a request began is over."""
        await self.ask()
        await settle()

    async def answers(self, requests: int) -> list[str | None]:
        return [await self.answered_by() for _ in range(requests)]


async def _opened(items: Items) -> Process:
    """A process whose primary failed until it left it alone, from now for 5 s."""
    process = Process(items, primary=BROKEN, alternative=GOOD)
    await process.answers(4)
    await settle()
    return process


def test_what_one_process_found_open_another_leaves_alone_until_that_time_and_then_probes_itself() -> None:
    async def story() -> None:
        items = Items()
        await _opened(items)
        other = Process(items, primary=[GOOD, BROKEN, GOOD], alternative=GOOD)
        await other.looked()
        assert await other.answers(3) == ["alternative"] * 3
        assert other.upstream.asked.count("primary") == 1
        await asyncio.sleep(5)
        await other.ask()
        assert (
            other.traces[-1].attempts[0].breaker == "half_open"
        )  # and it failed: we wait for twice our own wait
        await asyncio.sleep(9)
        assert await other.answered_by() == "alternative"
        await asyncio.sleep(1)
        assert await other.answered_by() == "primary"

    run_virtual(story())


def test_a_process_that_found_nothing_tells_nothing_and_asks_seldom_however_much_it_does() -> None:
    async def story() -> None:
        items = Items()
        process = Process(items, primary=GOOD, alternative=GOOD)
        for _ in range(100):
            await process.ask()
            await asyncio.sleep(EVERY_S / 50)
        assert len(items.reads) == 2  # in 6 s, of the one candidate that was to be asked
        assert not items.writes

    run_virtual(story())


def test_no_request_waits_for_an_item() -> None:
    """Given items that never answer; then requests take no time, those that open a breaker included."""

    async def story() -> None:
        items = Items()
        items.pause_s = 1000.0
        process = Process(items, primary=BROKEN, alternative=GOOD)
        assert await process.answers(10) == ["alternative"] * 10
        for _ in range(4):
            await process.ask(TO_THE_ALTERNATIVE)
            await settle()
        assert now_s() < TOGETHER_S
        assert len(items.reads) == 2
        assert len(items.writes) == 1
        await process.breakers.close()
        assert now_s() < 3
        assert items.closed

    run_virtual(story())


def test_items_that_fail_leave_breakers_local_are_told_of_once_and_left_alone_for_a_while() -> None:
    async def story() -> None:
        items = Items()
        items.fault = "ThrottlingException"
        process = Process(items, primary=[BROKEN] * 4 + [GOOD], alternative=GOOD)
        assert set(await process.answers(20)) == {"alternative"}
        await asyncio.sleep(5)
        assert await process.answered_by() == "primary"  # its own probe
        for _ in range(20):
            await process.ask()
            await asyncio.sleep(1)
        assert len(items.reads) + len(items.writes) == 3
        assert process.told == ["ThrottlingException"]

        items.fault = None
        await asyncio.sleep(30)
        await process.looked()
        items.fault = "Timeout"
        await asyncio.sleep(EVERY_S)
        await process.looked()
        assert process.told == ["ThrottlingException", "Timeout"]

    run_virtual(story())


def test_our_own_probe_that_succeeds_counts_for_more_than_what_was_said_before() -> None:
    """Given another process that said a later time than ours; when our probe succeeds, then we believe the probe."""

    async def story() -> None:
        items = Items()
        process = Process(items, primary=[BROKEN] * 4 + [GOOD], alternative=GOOD)
        await process.answers(4)
        await asyncio.sleep(4)
        (key,) = items.until_s
        items.until_s[key] = now_s() + 20
        await process.looked()
        await asyncio.sleep(1)
        assert await process.answers(2) == ["primary", "primary"]
        await asyncio.sleep(EVERY_S)
        await process.looked()  # the same time again
        assert await process.answers(2) == ["primary", "primary"]
        await asyncio.sleep(EVERY_S)
        items.until_s[key] += 5  # somebody found it failing since
        await process.looked()
        assert await process.answered_by() == "alternative"

    run_virtual(story())


def test_when_others_found_every_candidate_failing_the_least_bad_is_asked_all_the_same() -> None:
    async def story() -> None:
        items = Items()
        elsewhere = Process(items, primary=BROKEN, alternative=BROKEN)
        for _ in range(4):
            await elsewhere.ask()
        await settle()
        assert len(items.until_s) == 2
        process = Process(items, primary=GOOD, alternative=GOOD)
        await process.looked()
        await process.ask(TO_THE_ALTERNATIVE)
        await settle()
        assert await process.answered_by() in ("primary", "alternative")
        assert process.traces[-1].attempts[0].breaker == "open"

    run_virtual(story())


def test_a_time_that_no_process_can_have_meant_leaves_a_candidate_alone_no_longer_than_the_use_case_says() -> (
    None
):
    async def story() -> None:
        items = Items()
        await _opened(items)
        (key,) = items.until_s
        items.until_s[key] = 1e12
        process = Process(items, primary=GOOD, alternative=GOOD)
        await process.looked()
        assert await process.answered_by() == "alternative"
        longest_s = process.table.routes["query-enhancement"].breaker.max_open_s
        await asyncio.sleep(longest_s)
        assert await process.answers(2) == ["primary", "primary"]

    run_virtual(story())
