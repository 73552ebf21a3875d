"""Runs -> a table, a document, and whether the goals hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from benchmarks.spread import Spread
from benchmarks.weights.repository import Repository
from benchmarks.weights.runs import Run

STOCK: Final = "download, then upload"
GROWTH, AGAINST_STOCK = 5.0, 1.3
"""Goals for 8 workers on the limited link: times as fast as 1 worker, and as the stock clients."""
_MOST, _ONE = 8, 1
_ROW: Final = "{:23s}{:22s}{:12s}{:19s}{:19s}{:>7s}{:>14s}{:>9s}{:>9s}"
_HEADINGS: Final = (
    *("", "MB/s", "per worker", "x stock clients", "x first row"),
    *("proof s", "read back MB", "disk MB", "RSS MiB"),
)


@dataclass
class Link:
    """Between everybody and the Hub; `runs` of each way by its name, a round each."""

    name: str
    latency_s: float
    bytes_per_s: float | None
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def rates(self, name: str, total_bytes: int) -> Spread:
        """MB/s of the whole snapshot."""
        return Spread.of(total_bytes / run.seconds / 1e6 for run in self.runs[name])

    def times_as_fast(self, name: str, other: str) -> Spread:
        """One way against another, round by round."""
        pairs = zip(self.runs[name], self.runs[other], strict=True)
        return Spread.of(its.seconds / own.seconds for own, its in pairs)


def stager_name(workers: int) -> str:
    return f"stager, {workers} worker{'s' if workers > 1 else ''}"


def table(links: Sequence[Link], repository: Repository, workers: Sequence[int]) -> str:
    """For people: medians with the least and the most of the rounds. `x` is of ratios, each taken within its round."""
    files, megabytes = len(repository.sizes), repository.total_bytes / 1e6
    rounds = len(links[0].runs[STOCK])
    lines = [
        f"{files} files, {megabytes:.0f} MB; median (least-most) of {rounds} rounds",
        "x: median of the ratios within each round; on a machine that drifts not the quotient of two medians",
    ]
    for link in links:
        lines += ["", _ROW.format(link.name, *_HEADINGS[1:])]
        lines += [_row(link, name, number, repository, workers[0]) for name, number in _ways(workers)]
    return "\n".join(lines)


def _ways(workers: Sequence[int]) -> Iterator[tuple[str, int | None]]:
    yield from ((stager_name(number), number) for number in workers)
    yield STOCK, None


def _row(link: Link, name: str, number: int | None, repository: Repository, fewest: int) -> str:
    rate, runs = link.rates(name, repository.total_bytes), link.runs[name]
    compared = ("", "", "")
    if number is not None:
        against_stock, growth = (link.times_as_fast(name, each) for each in (STOCK, stager_name(fewest)))
        compared = (f"{rate.median / number:.2f}", str(against_stock), str(growth))
    return _ROW.format(
        name,
        str(rate),
        *compared,
        "" if number is None else f"{Spread.of(run.steps_s['finish'] for run in runs).median:.2f}",
        f"{max(run.read_back_bytes for run in runs) / 1e6:.0f}",
        f"{max(run.disk_bytes for run in runs) / 1e6:.0f}",
        f"{max(run.memory_mib for run in runs):.0f}",
    )


def document(links: Sequence[Link], repository: Repository, workers: Sequence[int]) -> dict[str, object]:
    """For programs: every run."""
    return {
        "total_bytes": repository.total_bytes,
        "files": repository.sizes,
        "links": [
            {
                "name": link.name,
                "latency_s": link.latency_s,
                "bytes_per_s_per_connection": link.bytes_per_s,
                "ways": [
                    {
                        "name": name,
                        "workers": number,
                        "rounds": [{"seconds": run.seconds, **asdict(run)} for run in link.runs[name]],
                    }
                    for name, number in _ways(workers)
                ],
            }
            for link in links
        ],
    }


def goals_missed(limited: Link, workers: Sequence[int]) -> list[str]:
    """What does not hold. Nothing is asked of numbers of workers that were not measured."""
    goals = [(STOCK, AGAINST_STOCK)] if _MOST in workers else []
    goals += [(stager_name(_ONE), GROWTH)] if {_ONE, _MOST} <= set(workers) else []
    found = [(other, goal, limited.times_as_fast(stager_name(_MOST), other)) for other, goal in goals]
    return [
        f"{limited.name}: {stager_name(_MOST)} is {times} times as fast as {other}, the goal is {goal:g}"
        for other, goal, times in found
        if times.median < goal
    ]
