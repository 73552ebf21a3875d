"""Samples -> ratios with their spread, and whether the goals hold. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.gateways.load import Figures
from benchmarks.spread import Spread


@dataclass(frozen=True)
class Cell:
    """What is measured: so many requests in flight, streamed or not."""

    concurrency: int
    stream: bool

    @property
    def label(self) -> str:
        return f"{'stream' if self.stream else 'whole '} x{self.concurrency}"


Rounds = Mapping[str, Sequence[Figures]]
"""The figures of each subject, a round each, in the order of the rounds."""


@dataclass(frozen=True)
class Summary:
    """One subject in one cell. `added` is what it adds to the direct way in the same round, in milliseconds."""

    per_second: Spread
    added_p50_ms: Spread
    added_p99_ms: Spread
    cpu_us: Spread
    failed: int


def summary(rounds: Rounds, subject: str) -> Summary:
    pairs = list(zip(rounds[subject], rounds["direct"], strict=True))
    return Summary(
        per_second=Spread.of(own.per_second for own, _ in pairs),
        added_p50_ms=Spread.of(own.p50_ms - direct.p50_ms for own, direct in pairs),
        added_p99_ms=Spread.of(own.p99_ms - direct.p99_ms for own, direct in pairs),
        cpu_us=Spread.of(own.cpu_us for own, _ in pairs),
        failed=sum(own.failed for own, _ in pairs),
    )


@dataclass(frozen=True)
class Goal:
    """A limit on the router's figure as a share of Portkey's, or a figure of its own."""

    name: str
    limit: float
    at_most: bool

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.limit:g}"


ADDED_P50 = Goal("added p50", 0.25, at_most=True)
ADDED_P99 = Goal("added p99", 0.5, at_most=True)
THROUGHPUT = Goal("requests per second", 5.0, at_most=False)
CPU = Goal(
    "CPU time per request", math.inf, at_most=True
)  # no goal: the figure that a busy machine changes least
RSS_MIB = Goal("RSS, MiB", 45.0, at_most=True)


def ratios(rounds: Rounds, other: str) -> dict[Goal, Spread]:
    """The router's figures over another gateway's, round by round."""
    triples = list(zip(rounds["router"], rounds[other], rounds["direct"], strict=True))
    return {
        ADDED_P50: Spread.of((own.p50_ms - d.p50_ms) / (its.p50_ms - d.p50_ms) for own, its, d in triples),
        ADDED_P99: Spread.of((own.p99_ms - d.p99_ms) / (its.p99_ms - d.p99_ms) for own, its, d in triples),
        THROUGHPUT: Spread.of(own.per_second / its.per_second for own, its, _ in triples),
        CPU: Spread.of(own.cpu_us / its.cpu_us for own, its, _ in triples),
    }
