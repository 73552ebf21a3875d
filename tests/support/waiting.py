"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL_S = 0.01


def eventually(
    condition: Callable[[], object], *, what: str = "what was waited for", timeout_s: float = 15.0
) -> None:
    """Wait until `condition` is truthy; fail with `what` otherwise."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"no sign of {what} in {timeout_s:.0f} s"
        time.sleep(INTERVAL_S)
