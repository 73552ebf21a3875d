"""Log lines wait for the answers of their turn of the event loop, and none is lost."""

from __future__ import annotations

import asyncio
import json
from functools import partial

from lambdas.router.log_queue import LogQueue


def test_lines_are_made_and_written_together_after_what_is_under_way() -> None:
    written: list[list[str]] = []
    made: list[int] = []

    async def work() -> None:
        queue = LogQueue(written.append)

        def line(number: int) -> str:
            made.append(number)
            return f"line {number}"

        for number in (1, 2):
            queue.add(partial(line, number))
        assert made == []  # the answer goes first
        await asyncio.sleep(0)
        assert written == [["line 1", "line 2"]]
        queue.add(lambda: line(3))
        queue.flush()  # at the end nothing waits for another turn
        await asyncio.sleep(0)

    asyncio.run(work())
    assert written[1:] == [["line 3"]]


def test_a_line_that_cannot_be_made_costs_no_other_and_quotes_nothing() -> None:
    written: list[list[str]] = []

    def broken() -> str:
        raise ValueError("a prompt")

    async def work() -> None:
        queue = LogQueue(written.append)
        queue.add(broken)
        queue.add(lambda: "fine")
        queue.flush()

    asyncio.run(work())
    crash, fine = written[0]
    assert (fine, json.loads(crash)["event"]) == ("fine", "crash")
    assert "a prompt" not in crash
