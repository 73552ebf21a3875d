"""What a gateway costs: this router, Portkey's gateway and LiteLLM's proxy in front of the same model server.

    .venv/bin/python benchmarks/router.py [--quick] [--subjects router,portkey,litellm] [--json]

Each round asks every gateway in turn, and the model server itself, with 1, 10 and 50 requests in flight, whole and
streamed; what a gateway adds is compared within the round, so that a machine that drifts does not decide. Goals, stated
before measuring; the exit code is 0 only when they hold in every cell: against Portkey the router adds at most a
quarter of the p50 and half of the p99 and answers at least five times as many requests per second, in at most 45 MiB.

The other gateways are installed under .build/benchmarks the first time, from lock files with hashes. Nothing else is
saved. What each one does more or less: benchmarks/gateways/subjects.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from benchmarks.gateways.figures import RSS_MIB, Cell, Rounds, ratios, summary
from benchmarks.gateways.load import Figures, Job
from benchmarks.gateways.processes import (
    LoadGenerator,
    cpu_s,
    free_port,
    rss_mib,
    running,
    say,
    wait_for_answer,
)
from benchmarks.gateways.subjects import Subject, by_name, expected_end

CELLS = [Cell(concurrency, stream) for stream in (False, True) for concurrency in (1, 10, 50)]
WARM_UP_S = 1.0
_TABLE = "{:12s}{:9s}{:21s}{:21s}{:24s}{:8s}{}"


@dataclass
class Started:
    """A gateway that answers."""

    subject: Subject
    port: int
    start_s: float = 0.0
    process: psutil.Process | None = None  # None: the model server itself
    rss_mib: float = 0.0


def main() -> int:
    options = _options()
    subjects = by_name(options.subjects)
    for subject in subjects:
        subject.install()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_port = free_port()
        module = "benchmarks.gateways.upstream"
        command = [sys.executable, "-m", module, str(upstream_port)]
        stack.enter_context(running(command, {}, folder / "upstream.log"))
        load = stack.enter_context(LoadGenerator())
        started = [_start(stack, subject, upstream_port, folder) for subject in subjects]
        results = _measure(load, started, upstream_port, options.rounds, options.seconds)
        for each in started:
            each.rss_mib = 0.0 if each.process is None else rss_mib(each.process)
    if options.json:
        print(json.dumps(_document(started, results), indent=1))
    else:
        _print(started, results)
    return 0 if _goals_hold(started, results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a gateway costs, in ratios with their spread.")
    parser.add_argument("--quick", action="store_true", help="3 rounds of half a second: about two minutes")
    parser.add_argument("--rounds", type=int, help="how often each is asked (default 5)")
    parser.add_argument("--seconds", type=float, help="how long each time (default 2)")
    parser.add_argument("--subjects", default="router,portkey,litellm", help="a comma-separated list")
    parser.add_argument("--json", action="store_true", help="every figure, for programs")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 2.0)
    return options


def _start(stack: ExitStack, subject: Subject, upstream_port: int, folder: Path) -> Started:
    if subject.command is None:
        return Started(subject, upstream_port)
    say(f"starting {subject.name}")
    port = free_port()
    log = folder / f"{subject.name}.log"
    command = subject.command(port, upstream_port, folder)
    process = stack.enter_context(running(command, subject.environ(port, upstream_port, folder), log))
    request = subject.request(upstream_port, stream=False).replace("\r\n", "\r\nconnection: close\r\n", 1)
    return Started(subject, port, wait_for_answer(port, request, process, log), process)


def _measure(
    load: LoadGenerator, started: Sequence[Started], upstream_port: int, rounds: int, seconds: float
) -> dict[Cell, dict[str, list[Figures]]]:
    results: dict[Cell, dict[str, list[Figures]]] = {
        cell: {each.subject.name: [] for each in started} for cell in CELLS
    }
    for each in started:
        say(f"warming {each.subject.name}")
        for cell in (CELLS[1], CELLS[-2]):
            load.run(_job(each, upstream_port, cell, min(WARM_UP_S, 2 * seconds)))
    for number in range(rounds):
        for cell in CELLS:
            say(f"round {number + 1} of {rounds}: {cell.label}")
            turn = number % len(started)
            for each in [*started[turn:], *started[:turn]]:
                results[cell][each.subject.name].append(_run(load, each, upstream_port, cell, seconds))
    return results


def _run(load: LoadGenerator, each: Started, upstream_port: int, cell: Cell, seconds: float) -> Figures:
    before_s = 0.0 if each.process is None else cpu_s(each.process)
    figures = load.run(_job(each, upstream_port, cell, seconds))
    if each.process is None or not figures.answers:
        return figures
    return replace(figures, cpu_us=(cpu_s(each.process) - before_s) / figures.answers * 1e6)


def _job(each: Started, upstream_port: int, cell: Cell, seconds: float) -> Job:
    request = each.subject.request(upstream_port, stream=cell.stream)
    return Job(each.port, cell.concurrency, seconds, request, expected_end(stream=cell.stream))


def _print(started: Sequence[Started], results: dict[Cell, dict[str, list[Figures]]]) -> None:
    names = [each.subject.name for each in started]
    print(
        _TABLE.format(
            "in flight", "gateway", "requests/s", "added p50 ms", "added p99 ms", "CPU us", "failed"
        )
    )
    for cell, rounds in results.items():
        for name in names:
            own = summary(rounds, name)
            added = (own.added_p50_ms, own.added_p99_ms) if name != "direct" else ("", "")
            rate = f"{own.per_second.median:.0f} ({own.per_second.low:.0f}-{own.per_second.high:.0f})"
            cpu = f"{own.cpu_us.median:.0f}" if name != "direct" else ""
            print(_TABLE.format(cell.label, name, rate, str(added[0]), str(added[1]), cpu, own.failed))
    print("\ngateway    start s   RSS MiB")
    for each in started:
        if each.process is not None:
            print(f"{each.subject.name:9s}  {each.start_s:7.2f}  {each.rss_mib:8.1f}")
    for other in names:
        if other not in ("direct", "router") and "router" in names:
            print(f"\n{'router / ' + other:18s}{'added p50':21s}{'added p99':21s}{'requests/s':21s}CPU")
            for cell, rounds in results.items():
                held = ratios(rounds, other)
                print(f"{cell.label:18s}" + "".join(f"{spread!s:21s}" for spread in held.values()))


def _goals_hold(started: Sequence[Started], results: dict[Cell, dict[str, list[Figures]]]) -> bool:
    """Say which goal is missed where. A gateway that is not there is not compared with."""
    missed = [
        f"{each.subject.name} in {cell.label}: {count} failed"
        for cell, rounds in results.items()
        for each in started
        if (count := summary(rounds, each.subject.name).failed)
    ]
    missed += [
        f"{RSS_MIB.name}: {each.rss_mib:.1f}, {RSS_MIB}"
        for each in started
        if each.subject.name == "router" and not RSS_MIB.holds(each.rss_mib)
    ]
    if {"router", "portkey"} <= {each.subject.name for each in started}:
        missed += [line for cell, rounds in results.items() for line in _missed(cell, rounds)]
    for line in missed:
        print(f"MISSED  {line}", file=sys.stderr)
    print(f"router: {'GOALS MISSED' if missed else 'goals hold'}", file=sys.stderr)
    return not missed


def _missed(cell: Cell, rounds: Rounds) -> list[str]:
    return [
        f"{goal.name} over Portkey's, {cell.label}: {spread}, {goal}"
        for goal, spread in ratios(rounds, "portkey").items()
        if not goal.holds(spread.median)
    ]


def _document(started: Sequence[Started], results: dict[Cell, dict[str, list[Figures]]]) -> object:
    return {
        "gateways": {
            each.subject.name: {"start_s": each.start_s, "rss_mib": each.rss_mib} for each in started
        },
        "cells": [
            {
                **asdict(cell),
                "rounds": {name: [asdict(each) for each in own] for name, own in rounds.items()},
            }
            for cell, rounds in results.items()
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
