"""Log lines that wait until the answers of this turn of the event loop are sent, and are then written together.

Rendering and writing a line takes longer than many a request would otherwise add to its caller's wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from lambdas.router import log

Line = Callable[[], str]
"""Renders a line, without its end. Called once, later: what it is made of must not change any more."""


class LogQueue:
    """Belongs to one event loop."""

    def __init__(self, write: Callable[[list[str]], None] = log.write_all) -> None:
        self._write = write
        self._lines: list[Line] = []

    def add(self, line: Line) -> None:
        """Write it soon."""
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, now."""
        lines, self._lines = self._lines, []
        if lines:
            self._write([_rendered(line) for line in lines])


def _rendered(line: Line) -> str:
    try:
        return line()
    except Exception as error:  # noqa: BLE001 - one line that cannot be made must not cost the others
        return json.dumps(log.crash_line("", error))
