"""Faults that a test asks for: which request, how often, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from endpoints.local.hub.requests import Origin


@dataclass(frozen=True)
class HubFault:
    """What happens to the requests that match.

    `path` is matched (fnmatch) against the request's path and, for the CDN, against the file's name in the
    repository. `skip` requests pass first, then `times` are hit (None: every one).

    Effects, which may be combined: a `status` instead of an answer, with `headers` and `retry_after_s`; `headers`
    over those of the answer; a pause of `delay_s` before it, of `pause_s` after each 64 KiB. `truncate_at` breaks the
    connection before that byte of the file is sent, `flip_at` changes one bit of that byte: they match only the answer
    that holds the byte, however the file is cut into ranges.
    """

    path: str = "*"
    origin: Origin | None = None
    method: str | None = None
    skip: int = 0
    times: int | None = 1
    status: int | None = None
    code: str | None = None  # X-Error-Code
    message: str = "injected fault"
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    pause_s: float = 0.0
    truncate_at: int | None = None
    flip_at: int | None = None

    def matches(self, asked: Asked) -> bool:
        """Whether this fault is about such a request."""
        return (
            self.origin in (None, asked.origin)
            and self.method in (None, asked.method)
            and any(fnmatchcase(name, self.path) for name in asked.names)
            and all(asked.holds(offset) for offset in (self.truncate_at, self.flip_at) if offset is not None)
            and (not self.pause_s or asked.has_file)
        )


@dataclass(frozen=True)
class Asked:
    """A request as faults see it. `first` and `last` are the bytes of the file it wants; `last` None: to the end."""

    origin: Origin
    method: str
    names: tuple[str, ...]
    has_file: bool  # the answer is a file's bytes, not a redirect or a document
    first: int = 0
    last: int | None = None

    def holds(self, offset: int) -> bool:
        """Whether the answer holds that byte of the file."""
        return self.has_file and self.first <= offset and (self.last is None or offset <= self.last)


class HubFaults:
    """The faults in force; the first that matches hits. Thread-safe."""

    def __init__(self) -> None:
        self._rules: list[HubFault] = []
        self._seen: list[int] = []
        self._lock = threading.Lock()

    def put(self, *faults: HubFault) -> None:
        """Replace every fault; none ends them."""
        with self._lock:
            self._rules, self._seen = list(faults), [0] * len(faults)

    def take(self, asked: Asked) -> HubFault | None:
        """The fault that hits this request, counted."""
        with self._lock:
            for index, fault in enumerate(self._rules):
                if not fault.matches(asked):
                    continue
                self._seen[index] += 1
                hit = self._seen[index] - fault.skip
                if hit > 0 and (fault.times is None or hit <= fault.times):
                    return fault
            return None
