"""A hard time limit around blocking work.

Socket time-outs bound the wait for the next byte, not the whole call: a server that sends a byte now and
then, slow DNS, or a stalled stream all outlast them. So work runs in a thread of its own and is given up when
its time is over. The thread ends by itself: one that waits for an answer when its socket times out, one that reads
a stream at the next piece, because it looks at `Cancelled` there. So threads do not pile up: a Lambda serves one
request at a time, and giving one up takes that request's share of its deadline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
Cancelled = threading.Event


class OutOfTimeError(Exception):
    """The work took longer than it may."""


def run_within(budget_s: float, work: Callable[[Cancelled], T]) -> T:
    """`work`'s result, or its exception, or `OutOfTimeError` after `budget_s` seconds."""
    future: Future[T] = Future()
    cancelled = Cancelled()
    # A daemon: work that was given up must not keep the process from ending.
    threading.Thread(target=_fulfil, args=(future, work, cancelled), daemon=True).start()
    try:
        return future.result(timeout=budget_s)
    except TimeoutError:
        if future.done():
            raise  # the work's own TimeoutError
        raise OutOfTimeError(f"no complete answer within {budget_s:.1f} s") from None
    finally:
        cancelled.set()


def _fulfil(future: Future[T], work: Callable[[Cancelled], T], cancelled: Cancelled) -> None:
    try:
        future.set_result(work(cancelled))
    except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread, which raises it
        future.set_exception(error)
