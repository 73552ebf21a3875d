"""Runs the soak, samples the router, and tells what came of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import psutil
import uvloop

from benchmarks.soaking.callers import Account, call
from benchmarks.soaking.faults import STREAMED_USE_CASE, WHOLE_USE_CASE, SprinkledSageMaker
from benchmarks.soaking.slope import growth
from tests.faults.stage import BREAKER, Stage, staged, use_case

MAX_RSS_GROWTH_MIB = 2.0
MAX_FD_GROWTH = 2.0
WARM_UP = 0.2  # of the time
SAMPLES = 240
_TOLD_EVERY_S = 30.0
_MIB = 1024 * 1024


@dataclass
class Samples:
    """Of the router's process, in turn."""

    times_s: list[float] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    fds: list[float] = field(default_factory=list)

    def take(self, process: psutil.Process) -> None:
        self.times_s.append(time.monotonic())
        self.rss_mib.append(process.memory_info().rss / _MIB)
        self.fds.append(process.num_fds())

    def settled(self) -> Samples:
        """Without the warm-up."""
        first = int(len(self.times_s) * WARM_UP)
        return Samples(self.times_s[first:], self.rss_mib[first:], self.fds[first:])


@dataclass(frozen=True)
class Result:
    """What came of it. `logged` are the request lines of the router's log."""

    seconds: float
    sent: int
    ended: dict[str, int]
    lost: list[str]
    logged: int
    upstream_faults: int
    rss_mib: tuple[float, float]
    rss_growth_mib: float
    fds: tuple[int, int]
    fd_growth: float
    router_cpu_percent: float
    exit_code: int

    def failures(self) -> list[str]:
        """The goals that do not hold."""
        told = [
            (self.sent != sum(self.ended.values()), f"{self.sent} sent, {sum(self.ended.values())} ended"),
            (bool(self.lost), f"{len(self.lost)} lost, among them {self.lost[:3]}"),
            (self.logged != self.sent, f"{self.sent} sent, {self.logged} logged"),
            (self.rss_growth_mib > MAX_RSS_GROWTH_MIB, f"memory grows by {self.rss_growth_mib:.2f} MiB"),
            (self.fd_growth > MAX_FD_GROWTH, f"file descriptors grow by {self.fd_growth:.1f}"),
            (self.exit_code != 0, f"the router ended with {self.exit_code}"),
        ]
        return [text for is_so, text in told if is_so]


async def soak(minutes: float, connections: int, seed: int) -> Result:
    """Load, samples, drain, account."""
    upstream, account, stop = SprinkledSageMaker(seed), Account(), asyncio.Event()
    breaker = {**BREAKER, "min_requests": 50, "failure_percent": 90}
    table = {name: use_case(name, breaker=breaker) for name in (WHOLE_USE_CASE, STREAMED_USE_CASE)}
    async with staged(table, upstream=upstream, counts_log=True) as stage:
        process = psutil.Process(stage.process.pid)
        began_s, cpu = time.monotonic(), process.cpu_times()
        calling = asyncio.create_task(call(stage.port, connections, account, stop, seed))
        samples = await _sampled(stage, process, account, minutes * 60)
        stop.set()
        await calling
        seconds, used = time.monotonic() - began_s, process.cpu_times()
        exit_code = await stage.stop()
        logged = await stage.logged()
    settled = samples.settled()
    return Result(
        seconds=round(seconds, 1),
        sent=account.sent,
        ended=dict(account.ended),
        lost=account.lost,
        logged=logged,
        upstream_faults=upstream.faults,
        rss_mib=(round(min(settled.rss_mib), 1), round(max(settled.rss_mib), 1)),
        rss_growth_mib=round(growth(settled.times_s, settled.rss_mib), 2),
        fds=(int(min(settled.fds)), int(max(settled.fds))),
        fd_growth=round(growth(settled.times_s, settled.fds), 1),
        router_cpu_percent=round(100 * (used.user + used.system - cpu.user - cpu.system) / seconds),
        exit_code=exit_code,
    )


async def _sampled(stage: Stage, process: psutil.Process, account: Account, seconds: float) -> Samples:
    samples, began_s, told_s = Samples(), time.monotonic(), 0.0
    while (passed_s := time.monotonic() - began_s) < seconds:
        assert stage.process.returncode is None, "the router ended under load"
        samples.take(process)
        if passed_s - told_s >= _TOLD_EVERY_S:
            told_s = passed_s
            rss, fds = samples.rss_mib[-1], samples.fds[-1]
            print(
                f"  {passed_s:4.0f} s  {account.sent:9,d} sent  {rss:6.1f} MiB  {fds:4.0f} fds",
                file=sys.stderr,
                flush=True,
            )
        await asyncio.sleep(max(0.2, seconds / SAMPLES))
    return samples


def main(description: str) -> int:
    """The command; exit code 0 when every goal holds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = uvloop.run(soak(given.minutes, given.connections, given.seed))
    failures = result.failures()
    if given.json:
        print(json.dumps({**vars(result), "failures": failures}))
    else:
        _tell(result, failures)
    return 1 if failures else 0


def _tell(result: Result, failures: list[str]) -> None:
    ended = ", ".join(f"{count:,} {how}" for how, count in sorted(result.ended.items()))
    print(
        f"{result.sent:,} requests in {result.seconds:.0f} s ({result.sent / result.seconds:,.0f}/s): {ended}"
    )
    print(f"the upstream failed {result.upstream_faults:,} times; the log has {result.logged:,} lines")
    low, high = result.rss_mib
    print(
        f"memory {low} to {high} MiB, growth {result.rss_growth_mib:+.2f} MiB (at most {MAX_RSS_GROWTH_MIB})"
    )
    few, many = result.fds
    print(f"file descriptors {few} to {many}, growth {result.fd_growth:+.1f} (at most {MAX_FD_GROWTH})")
    print(f"the router used {result.router_cpu_percent}% of a core")
    print("every goal holds" if not failures else "NOT: " + "; ".join(failures))
