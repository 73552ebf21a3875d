"""How synth time and template size grow with the number of use cases, against an app with nothing in it.

    .venv/bin/python benchmarks/synth.py

Goals, stated before measuring; the exit code is 0 only when both hold. The marginal cost of a use case stays
flat as their number grows: from 50 to 500, compared with from 5 to 50 (fixed costs, such as the router's stack,
cancel out),
- one more use case takes at most 1.5 times the seconds,
- and at most 1.1 times the bytes of template.

Each size is synthesised in a process of its own, as the CDK CLI does, `ROUNDS` times in turn with the empty app;
medians are compared, so that a machine that drifts does not decide. The router's bundle is built beforehand,
as it is in any second synth.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import infra  # noqa: F401 - chooses the pinned Node before the CDK starts one

ROOT = Path(__file__).resolve().parents[1]
SIZES = (0, 5, 50, 500)
ROUNDS = 3
MAX_TIME_RATIO = 1.5
MAX_BYTES_RATIO = 1.1


def main() -> int:
    parser = argparse.ArgumentParser(description="Synth time and template size at 5, 50 and 500 use cases.")
    parser.add_argument(
        "--one", nargs=2, metavar=("SIZE", "OUT"), help=argparse.SUPPRESS
    )  # for its own processes
    one = parser.parse_args().one
    if one:
        return _synthesise(int(one[0]), one[1])
    _measure(5)  # builds the bundle and warms the file cache
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    size_bytes: dict[int, int] = {}
    for round_number in range(ROUNDS):
        for size in SIZES:
            elapsed, size_bytes[size] = _measure(size)
            seconds[size].append(elapsed)
            print(f"  round {round_number + 1}, {size:3d} use cases: {elapsed:6.2f} s", flush=True)
    return _report({size: statistics.median(times) for size, times in seconds.items()}, size_bytes)


def _measure(size: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, __file__, "--one", str(size), out],
            check=True,
            cwd=ROOT,
            env={**os.environ, "CDK_VALIDATION": "false"},
        )
        elapsed = time.perf_counter() - started
        return elapsed, sum(path.stat().st_size for path in Path(out).glob("*.template.json"))


def _synthesise(size: int, out: str) -> int:
    from aws_cdk import App, Stack

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=out, context={**context, "environment": "staging"})
    if size == 0:
        Stack(app, "empty")
    else:
        from endpoints.catalogue import load_catalogue
        from endpoints.locks import proposed
        from infra.environments import build_environment

        catalogue = load_catalogue()
        cases = [
            catalogue.use_cases[n % len(catalogue.use_cases)].model_copy(update={"id": f"use-case-{n:03d}"})
            for n in range(size)
        ]
        grown = catalogue.with_use_cases(cases)
        build_environment(app, grown, proposed(grown, grown.environment("staging")))
    app.synth()
    return 0


def _report(seconds: dict[int, float], size_bytes: dict[int, int]) -> int:
    print("\nuse cases   synth s  x empty app  templates KiB")
    for size in SIZES:
        ratio = seconds[size] / seconds[0]
        print(f"{size:9d}  {seconds[size]:8.2f}  {ratio:10.1f}x  {size_bytes[size] / 1024:13.0f}")
    print("\nfrom -> to   ms per use case more   KiB per use case more")
    marginal = [_marginal(seconds, size_bytes, *pair) for pair in pairwise(SIZES[1:])]
    for (low, high), (extra_s, extra_bytes) in zip(pairwise(SIZES[1:]), marginal, strict=True):
        print(f"{low:4d} -> {high:3d}   {extra_s * 1000:20.1f}   {extra_bytes / 1024:21.1f}")
    time_ratio, bytes_ratio = (late / early for early, late in zip(*marginal, strict=True))
    held = time_ratio <= MAX_TIME_RATIO and bytes_ratio <= MAX_BYTES_RATIO
    print(
        f"synth: one more use case at 500 against at 50: time x{time_ratio:.2f} (goal <= {MAX_TIME_RATIO}), "
        f"bytes x{bytes_ratio:.2f} (goal <= {MAX_BYTES_RATIO}): {'goals hold' if held else 'GOALS MISSED'}"
    )
    return 0 if held else 1


def _marginal(
    seconds: dict[int, float], size_bytes: dict[int, int], low: int, high: int
) -> tuple[float, float]:
    """Seconds and bytes that one more use case costs between two sizes."""
    more = high - low
    return (seconds[high] - seconds[low]) / more, (size_bytes[high] - size_bytes[low]) / more


if __name__ == "__main__":
    sys.exit(main())
