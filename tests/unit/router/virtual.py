"""An event loop whose time is virtual: a sleep takes no time, and the clock stands where it would have ended."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Moves its clock to the next timer instead of waiting for it. Starts at 0."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now_s


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits and nothing will ever happen: a hang")
        if not ready and timeout is not None and timeout > 0:
            self._loop.now_s += timeout
        return ready


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work` on a loop of its own. Raises RuntimeError when it hangs."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now_s() -> float:
    """The running loop's time, in seconds: the clock for what is under test."""
    return asyncio.get_running_loop().time()
