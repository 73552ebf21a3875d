"""How long to wait before the same candidate is asked again."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.router.route_table import Retries


def wait_s(retries: Retries, tries: int, retry_after_s: float | None, random: Callable[[], float]) -> float:
    """Full jitter: from nothing to the exponential bound, so that those who failed together do not return together.

    `tries` were made already, one at least. What the answer asked to wait (`retry_after_s`) comes first, the jitter
    on top. `random` gives numbers from 0 to 1. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    bound_s: float = min(retries.cap_ms, retries.base_ms * 2 ** (tries - 1)) / 1000
    return (retry_after_s or 0.0) + bound_s * random()
