"""A step of an attempt that has ended, whose requests to S3 are let through one at a time between somebody else's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from botocore.exceptions import ClientError

from lambdas.weights.errors import StagingError


class LateStep:
    """`gate` stands before each of its requests; `advance` opens it. What becomes of the step nobody sees."""

    def __init__(self, step: Callable[[], object]) -> None:
        self._step = step
        self._open, self._reached = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LateStep:
        self._thread.start()
        self._reached.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        while self._thread.is_alive():
            self._open.release()
            time.sleep(0.001)

    def gate(self, **_event: object) -> None:
        self._reached.release()
        self._open.acquire()

    def advance(self, requests: int) -> None:
        """Let it make so many requests, and wait until it is about to make the next one, or has ended."""
        for _ in range(requests):
            if not self._thread.is_alive():
                return
            self._open.release()
            self._reached.acquire()

    def _run(self) -> None:
        try:
            with suppress(StagingError, ClientError):
                self._step()
        finally:
            self._reached.release()
