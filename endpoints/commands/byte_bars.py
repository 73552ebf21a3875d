"""Progress over bytes on standard error: bars with rate and time left for people, a line now and then for logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from endpoints.commands.output import errors, progress
from endpoints.weights.retention import BYTES_PER_GB

LINE_EVERY_S: Final = 15.0
_ALL: Final = "in all"
_RATE_OVER_S: Final = 60.0
_BAR_COLUMNS: Final = 20
_SHORT_SHA: Final = 8


class ByteBars:
    """One bar per name, and one over all of several. Thread-safe. `totals` in bytes; None is not known yet."""

    def __init__(self, totals: Mapping[str, int | None]) -> None:
        self._lock = threading.Lock()
        self._totals = dict(totals)
        self._done = dict.fromkeys(totals, 0)
        self._line_at_s = self._began_s = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=_BAR_COLUMNS),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=errors,
            disable=not errors.is_terminal,
            transient=True,
            speed_estimate_period=_RATE_OVER_S,
        )
        names = [*totals, _ALL] if len(totals) > 1 else list(totals)
        self._tasks: dict[str, TaskID] = {
            name: self._bars.add_task(short_name(name), total=self._total(name), note="") for name in names
        }

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @property
    def done_bytes(self) -> int:
        """What is there of all together."""
        return sum(self._done.values())

    def add(self, name: str, size_bytes: int) -> None:
        """So many bytes more are there."""
        with self._lock:
            self._show(name, self._done[name] + size_bytes, "")

    def set(self, name: str, size_bytes: int, *, total: int | None, note: str = "") -> None:
        """So many bytes are there; `note` stands behind the bar."""
        with self._lock:
            if total is not None:
                self._totals[name] = total
            self._show(name, size_bytes, note)

    def _show(self, name: str, done: int, note: str) -> None:
        total = self._totals[name]
        self._done[name] = done if total is None else min(done, total)
        for shown in self._tasks:
            at = self._done[name] if shown == name else self.done_bytes
            if shown in (name, _ALL):
                self._bars.update(
                    self._tasks[shown],
                    completed=at,
                    total=self._total(shown),
                    note=note if shown == name else "",
                )
        self._line(note)

    def _line(self, note: str) -> None:
        """Where nobody sees a bar, something is said every quarter of a minute."""
        now_s = time.monotonic()
        if errors.is_terminal or now_s - self._line_at_s < LINE_EVERY_S:
            return
        self._line_at_s = now_s
        done, total = self.done_bytes, self._total(_ALL)
        rate = done / max(now_s - self._began_s, 1e-9)
        progress(f"{progress_line(done, total, rate)}{f', {note}' if note else ''}")

    def _total(self, name: str) -> int | None:
        if name != _ALL:
            return self._totals[name]
        known = [total for total in self._totals.values() if total is not None]
        return sum(known) if len(known) == len(self._totals) else None


def short_name(name: str) -> str:
    """`Llama-3.1-8B-Instruct@0e9e39f2` of a snapshot, so that a bar has room beside it."""
    repository, at, revision = name.partition("@")
    return f"{repository.rpartition('/')[2]}{at}{revision[:_SHORT_SHA]}"


def progress_line(done_bytes: int, total_bytes: int | None, bytes_per_s: float) -> str:
    """`3.20 of 16.06 GB, 120 MB/s, 2 min left`."""
    of = f" of {total_bytes / BYTES_PER_GB:.2f}" if total_bytes is not None else ""
    line = f"{done_bytes / BYTES_PER_GB:.2f}{of} GB, {bytes_per_s / 1e6:.0f} MB/s"
    if total_bytes is None or bytes_per_s <= 0:
        return line
    left_s = (total_bytes - done_bytes) / bytes_per_s
    return f"{line}, {left_s / 60:.0f} min left" if left_s >= 90 else f"{line}, {left_s:.0f} s left"
