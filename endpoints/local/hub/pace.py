"""How fast an origin answers: what a network and a CDN would add to a loopback that adds nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

PIECE_BYTES: Final = 64 * 1024
"""What is sent at once of an answer that is held back."""


@dataclass(frozen=True)
class Pace:
    """Limits of each connection for itself: twice as many connections get twice as much.

    `latency_s` passes before an answer begins, `bytes_per_s` (None: as fast as it goes) is the rate of its body.
    """

    latency_s: float = 0.0
    bytes_per_s: float | None = None


class PacedAnswer:
    """One answer under a pace, from its first byte on."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._began_s: float | None = None
        self._sent_bytes = 0

    @property
    def is_limited(self) -> bool:
        return self._pace.bytes_per_s is not None

    async def sent(self, size_bytes: int) -> None:
        """Wait until so many bytes more may have been sent."""
        if self._pace.bytes_per_s is None:
            return
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        self._sent_bytes += size_bytes
        await asyncio.sleep(self._began_s + self._sent_bytes / self._pace.bytes_per_s - now_s)
