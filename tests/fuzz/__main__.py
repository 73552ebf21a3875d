"""`python -m tests.fuzz`: exit code 0 when everything held, 1 when something did not."""

from __future__ import annotations

import argparse
import faulthandler
import secrets
import sys
import time

from tests.fuzz.campaign import Report, run

_STUCK_S = 120


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--seed", type=int, help="of all inputs (a new one each time)")
    parser.add_argument("--only", type=int, help="the number of one input, to see it again")
    given = parser.parse_args()
    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    numbers = range(given.inputs) if given.only is None else range(given.only, given.only + 1)
    began_s = time.monotonic()
    report = run(seed, numbers, progress=_progress)
    return _told(report, seed, time.monotonic() - began_s)


def _progress(done: int) -> None:
    faulthandler.dump_traceback_later(_STUCK_S, exit=True)  # a loop that never ends shows where
    if done % 10_000 == 0:
        print(f"  {done:,} inputs", file=sys.stderr, flush=True)


def _told(report: Report, seed: int, took_s: float) -> int:
    for failure in report.failures:
        print(f"\ninput {failure.number} ({failure.kind}); again: --seed {seed} --only {failure.number}")
        print(failure.told)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.counts.items()))
    print(f"{report.counts.total():,} inputs ({counts}) in {took_s:.0f} s: {len(report.failures)} failures")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
