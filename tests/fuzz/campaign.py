"""Runs inputs of all kinds. Each is made from the seed and its number alone, so that it can be made again."""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lambdas.router.sagemaker import SageMakerUpstream
from tests.fuzz.callers import put_to_the_core
from tests.fuzz.chaos import Chaos
from tests.fuzz.engines import put_behind_the_router
from tests.fuzz.network import FuzzLoop
from tests.fuzz.wire import Served

KINDS = ("callers", "engines", "engines", "wire")
BATCH = 500  # inputs on one event loop
MOST_FAILURES = 20  # then it stops
MAX_CPU_S = 2.0  # for one input: beyond it something grows faster than what it reads
_AWS = {
    "AWS_ENDPOINT_URL": "http://sagemaker.invalid",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that something went wrong with."""

    number: int
    kind: str
    told: str


@dataclass
class Report:
    """What came of a campaign."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    number: int = 0  # of the input that is being tried


def run(seed: int, numbers: Iterable[int], *, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Put every input to the router; stops after so many failures."""
    report = Report()
    waiting = list(numbers)
    with _environment():
        while waiting and len(report.failures) < MOST_FAILURES:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            _run_batch(seed, batch, report)
            progress(sum(report.counts.values()))
    return report


def _run_batch(seed: int, numbers: list[int], report: Report) -> None:
    try:
        with asyncio.Runner(loop_factory=FuzzLoop) as runner:
            runner.run(_batch(seed, numbers, report))
    except RuntimeError as hang:  # the loop's own: everything waits and nothing will ever happen
        report.failures.append(Failure(report.number, _kind(report.number), str(hang)))


async def _batch(seed: int, numbers: list[int], report: Report) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FuzzLoop)
    loop.set_exception_handler(lambda _, context: lost.append(context))
    lost: list[object] = []
    upstream, served = SageMakerUpstream(), Served()
    upstream.prepare()
    for number in numbers:
        if len(report.failures) >= MOST_FAILURES:
            return
        report.number, kind = number, _kind(number)
        chaos, began_s = Chaos(f"{seed}:{number}"), time.process_time()
        report.counts[kind] += 1
        try:
            if kind == "callers":
                await put_to_the_core(chaos)
            elif kind == "engines":
                await put_behind_the_router(chaos, loop, upstream)
            else:
                await served.put_to_the_server(chaos)
            assert not lost, f"nobody took an exception: {lost!r:.500}"
            took_s = time.process_time() - began_s
            assert took_s < MAX_CPU_S, f"it took {took_s:.1f} s of CPU"
        except Exception:  # noqa: BLE001 - finding whatever there is, is what this is for
            lost.clear()
            report.failures.append(Failure(number, kind, traceback.format_exc(limit=-6)))


def _kind(number: int) -> str:
    return KINDS[number % len(KINDS)]


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(_AWS)
    os.environ.pop("AWS_PROFILE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
