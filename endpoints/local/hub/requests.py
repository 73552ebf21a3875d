"""What was asked for: kept in order, so that tests see which host got which header."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEPT: Final = 20_000  # a long-lived server must not grow


class Origin(StrEnum):
    """The two hosts. On the real Hub they are huggingface.co and its content delivery network."""

    HUB = "hub"
    CDN = "cdn"


@dataclass(frozen=True)
class HubRequest:
    """`headers` have lower-case names; `path` is below the server's address, decoded."""

    origin: Origin
    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]


class HubRequests:
    """Every request that arrived, the last `KEPT` of them. Thread-safe."""

    def __init__(self) -> None:
        self._kept: deque[HubRequest] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, request: HubRequest) -> None:
        with self._lock:
            self._kept.append(request)

    def all(self, origin: Origin | None = None) -> list[HubRequest]:
        """In the order of arrival; those to one origin when it is named."""
        with self._lock:
            return [request for request in self._kept if origin in (None, request.origin)]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
