"""From the start of the router's process to its first answer, against the same on boto3 and against a bare server.

    .venv/bin/python benchmarks/cold_start.py [--quick] [--json]

All three run from a folder of their own, as Lambda runs a bundle: nothing else can be imported, and the first answer is
a model's, from the same upstream. `boto3` is this router with its way to SageMaker replaced by boto3's client, as pip
installs it; `bare` is the same HTTP server with a fixed answer. The bundle's size is that of its zip file. Goal, stated
before measuring; the exit code is 0 only when it holds: at most half of boto3's seconds, CPU seconds and bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateways.cold_variants import VARIANTS
from benchmarks.gateways.processes import exact_cpu_s, free_port, running, say, wait_for_answer
from benchmarks.gateways.subjects import ROUTER, router_environ
from benchmarks.spread import Spread

GOAL = 0.5
_TABLE = "{:9s}{:9s}{:20s}{:18s}{:25s}{:20s}{}"


@dataclass
class Starts:
    """One variant: its size, and the seconds of each of its starts."""

    name: str
    bytes: int
    folder: Path
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description="Process start to first answer, and the bundle's bytes.")
    parser.add_argument("--quick", action="store_true", help="5 starts of each instead of 20")
    parser.add_argument("--json", action="store_true", help="every figure, for programs")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_port = free_port()
        command = [sys.executable, "-m", "benchmarks.gateways.upstream", str(upstream_port)]
        stack.enter_context(running(command, {}, folder / "upstream.log"))
        starts = [_built(name, build(folder / name)) for name, build in VARIANTS.items()]
        for number in range(1 + (5 if options.quick else 20)):
            for each in starts:
                _start(each, upstream_port, folder, counts=number > 0)  # the first fills the file cache
    return _report(starts, as_json=options.json)


def _built(name: str, folder: Path) -> Starts:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(folder.rglob("*")):
            zipped.write(path, path.relative_to(folder))
    say(f"{name}: {archive.stat().st_size / 1e6:.1f} MB")
    return Starts(name, archive.stat().st_size, folder)


def _start(each: Starts, upstream_port: int, folder: Path, *, counts: bool) -> None:
    port = free_port()
    environ = {**router_environ(port, upstream_port, folder), "PYTHONDONTWRITEBYTECODE": "1"}
    request = ROUTER.request(upstream_port, stream=False).replace("\r\n", "\r\nconnection: close\r\n", 1)
    log = folder / f"{each.name}.log"
    # -S: the environment that this program runs in is not there. PYTHONPATH: as Lambda does with a bundle.
    command = [sys.executable, "-S", "-m", "lambdas.router"]
    with running(command, {**environ, "PYTHONPATH": str(each.folder)}, log, folder=each.folder) as process:
        seconds = wait_for_answer(port, request, process, log, every_s=0.001)
        used_s = exact_cpu_s(process)
    if counts:
        each.seconds.append(seconds)
        each.cpu_seconds.append(used_s)


def _report(starts: list[Starts], *, as_json: bool) -> int:
    boto3 = next(each for each in starts if each.name == "boto3")
    shares = {each.name: _shares(each, boto3) for each in starts}
    if as_json:
        figures = {
            each.name: {"bytes": each.bytes, "s": each.seconds, "cpu_s": each.cpu_seconds} for each in starts
        }
        print(json.dumps(figures))
    else:
        print(_TABLE.format("", "zip MB", "first answer, ms", "CPU ms", "of boto3's: bytes", "time", "CPU"))
        for each in starts:
            first, cpu = (
                _whole(Spread.of(1000 * taken for taken in all_taken))
                for all_taken in (each.seconds, each.cpu_seconds)
            )
            print(
                _TABLE.format(each.name, f"{each.bytes / 1e6:.1f}", first, cpu, *map(str, shares[each.name]))
            )
    held = all(share.median <= GOAL for share in shares["router"])
    print(
        f"cold start: {'goal holds' if held else 'GOAL MISSED'} (at most {GOAL} of boto3's)", file=sys.stderr
    )
    return 0 if held else 1


def _shares(each: Starts, boto3: Starts) -> list[Spread]:
    """Bytes, seconds and CPU seconds as shares of boto3's, the latter two round by round."""
    return [
        Spread.of([each.bytes / boto3.bytes]),
        Spread.of(own / its for own, its in zip(each.seconds, boto3.seconds, strict=True)),
        Spread.of(own / its for own, its in zip(each.cpu_seconds, boto3.cpu_seconds, strict=True)),
    ]


def _whole(spread: Spread) -> str:
    return f"{spread.median:.0f} ({spread.low:.0f}-{spread.high:.0f})"


if __name__ == "__main__":
    sys.exit(main())
