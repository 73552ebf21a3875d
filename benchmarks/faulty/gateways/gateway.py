"""What the gateways have in common: installed once, started with every case, asked one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faulty.case import Case
from benchmarks.faulty.upstream import Candidates
from benchmarks.faulty.wire import Wire

ATTEMPT_S = (
    2.0  # how long one candidate may take to begin, and from one event to the next; DEADLINE_S for everything
)


@dataclass(frozen=True)
class Served:
    """A gateway that runs: where a case is asked, under which model name, with which headers."""

    port_of: Callable[[Case], int]
    model_of: Callable[[Case], str] = lambda case: case.key
    headers_of: Callable[[Case], Mapping[str, str]] = lambda _: {}


@dataclass(frozen=True)
class Gateway:
    """`settings`: what is set for failures, as `--json` shows it. `cannot`: the cases that it cannot be put into."""

    name: str
    version: Callable[[], str]
    wire: Wire
    settings: Mapping[str, object]
    serve: Callable[[Sequence[Case], Candidates, Path], AbstractContextManager[Served]]
    install: Callable[[], None] = lambda: None
    cannot: Callable[[Case], bool] = lambda _: False
