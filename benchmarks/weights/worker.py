"""A process that does what a Lambda environment of the stager's worker does, one event at a time.

It may not write one byte to any file (RLIMIT_FSIZE): the stager needs no disk, or it fails here.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Final

from lambdas.weights.errors import StagingLost
from lambdas.weights.worker import handler

_START_LIMIT_S: Final = 120.0
_everybody: Barrier | None = None


def begin(variables: Mapping[str, str], everybody: Barrier) -> None:
    """What a Lambda environment is before its first event."""
    global _everybody
    _everybody = everybody
    os.environ.update(variables)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 -- its log, for as long as it lives


def warm(_number: int) -> None:
    """Make the clients, as a first event does, and wait until every process of the pool has done so."""
    with suppress(StagingLost):  # nothing is planned
        snapshot = {"repository": "acme/warm", "revision": "0" * 40}
        handler({"step": "seal", "attempt": "warm-1", "snapshot": snapshot})
    assert _everybody is not None
    _everybody.wait(_START_LIMIT_S)


def handled(event: dict[str, Any]) -> tuple[dict[str, object], float]:
    """What the worker answers, and the most memory (MiB) that it ever had."""
    return handler(event), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
