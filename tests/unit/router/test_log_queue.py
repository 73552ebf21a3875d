"""Log lines wait for the answers of their turn of the event loop, and none is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from lambdas.router.log_queue import LogQueue


def test_lines_are_made_and_written_together_after_what_is_under_way() -> None:
    written: list[list[dict[str, Any]]] = []
    made: list[int] = []

    async def work() -> None:
        queue = LogQueue(written.append)

        def line(number: int) -> dict[str, Any]:
            made.append(number)
            return {"number": number}

        for number in (1, 2):
            queue.add(partial(line, number))
        assert made == []  # the answer goes first
        await asyncio.sleep(0)
        assert written == [[{"number": 1}, {"number": 2}]]
        queue.add(lambda: line(3))
        queue.flush()  # at the end nothing waits for another turn
        await asyncio.sleep(0)

    asyncio.run(work())
    assert written[1:] == [[{"number": 3}]]
