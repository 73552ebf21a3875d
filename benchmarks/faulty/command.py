"""The command line of `benchmarks/faults.py`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faulty.cases import CASES
from benchmarks.faulty.gateways import GATEWAYS
from benchmarks.faulty.gateways.gateway import Gateway
from benchmarks.faulty.report import document, faults_of, table
from benchmarks.faulty.run import compare


def main() -> int:
    options = _options()
    gateways = _by_name(options.gateways)
    for gateway in gateways:
        gateway.install()
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        sys.exit(f"no case has {options.only!r} in its name")
    with tempfile.TemporaryDirectory(prefix="adept-faults-") as folder:
        results = asyncio.run(compare(gateways, cases, Path(folder)))
    if options.json:
        print(json.dumps(document(gateways, results), indent=1))
    else:
        print(table([each.name for each in gateways], results))
    wrong = faults_of("router", results)
    for each in wrong:
        print(f"router, {each.case.name}: {each.verdict.finding.value}: {each.verdict.why}", file=sys.stderr)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What gateways do when a model fails.")
    parser.add_argument(
        "--gateways", default=",".join(each.name for each in GATEWAYS), help="a comma-separated list"
    )
    parser.add_argument("--only", default="", help="the cases whose name has this in it")
    parser.add_argument("--json", action="store_true", help="verdicts, facts and settings, for programs")
    return parser.parse_args()


def _by_name(names: str) -> Sequence[Gateway]:
    unknown = set(names.split(",")) - {each.name for each in GATEWAYS}
    if unknown:
        known = ", ".join(each.name for each in GATEWAYS)
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {known}")
    return [each for each in GATEWAYS if each.name in names.split(",")]
