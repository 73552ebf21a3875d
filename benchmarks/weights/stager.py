"""The stager: its own worker in as many processes at once as are asked for, driven as the state machine does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

from benchmarks.weights.repository import REPO_ID, REVISION
from benchmarks.weights.runs import Run
from benchmarks.weights.worker import handled
from endpoints.locks.files import SELECTION

PART_MIB: Final = 5
"""S3's smallest part: the files are small, too."""
PREFIX: Final = f"{REPO_ID}/{REVISION}/"
_SNAPSHOT: Final = {"repository": REPO_ID, "revision": REVISION}
_REQUEST: Final = {
    **_SNAPSHOT,
    "files": None,
    "select": {name: list(found) for name, found in SELECTION.items()},
}

Items = Callable[[str], list[dict[str, Any]]]
"""The items of a map, by their key in the bucket."""


def stage(pool: ProcessPoolExecutor, items: Items) -> Run:
    """Plan, copy the parts, prove the files, seal; each map has as many items under way as the pool has processes."""
    steps = _Steps(pool)
    (plan,) = steps.run("plan", [{"request": _REQUEST}])
    parts, files = items(plan["parts_key"]), items(plan["files_key"])
    steps.run("copy", ({"snapshot": _SNAPSHOT, "part": part} for part in parts))
    proved = steps.run("finish", ({"snapshot": _SNAPSHOT, "file": file} for file in files))
    steps.run("seal", [{"snapshot": _SNAPSHOT}])
    return Run(
        steps.seconds, read_back_bytes=sum(each["bytes"] for each in proved), memory_mib=steps.memory_mib
    )


class _Steps:
    """The steps of one stage with their times."""

    _ATTEMPT: Final = {"attempt": "benchmark-1"}

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self.seconds: dict[str, float] = {}
        self.memory_mib = 0.0

    def run(self, name: str, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the worker answers to each event."""
        began_s = time.perf_counter()
        answers: list[tuple[Any, float]] = list(
            self._pool.map(handled, ({"step": name, **self._ATTEMPT, **event} for event in events))
        )
        self.seconds[name] = time.perf_counter() - began_s
        self.memory_mib = max([self.memory_mib, *(memory_mib for _, memory_mib in answers)])
        return [answer for answer, _ in answers]
