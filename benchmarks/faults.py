"""What gateways do when a model fails: this router, LiteLLM's proxy, Portkey's gateway and Envoy under the same faults.

    .venv/bin/python benchmarks/faults.py [--gateways router,litellm,litellm-openai,portkey,envoy] [--json]

Each gateway has a primary and one alternative, is told to wait 2 s for a candidate's first word and for each next one
and 5 s for everything, as far as it has such settings, and may repeat what passes. The primary has the fault, the
alternative is well unless the case says otherwise. Whatever speaks SageMaker's protocol is given the fault in that one,
everything else in OpenAI's. Every case is a place of its own, so that no breaker or cooldown knows of another case.

What is owed, stated before measuring. As long as nothing has gone to the caller and a candidate is well: the right
answer. Else a clear error: its status says whose fault it is and whether to come again, and its text names the cause
in the candidate's words where it had any. After a part of a stream: the rest, or an error event. Verdicts, from the
worst for the caller on; a case gets the first that holds:

    hang         no end within 5 s, and 1 s more for a busy machine
    truncated    a part of the answer that ends as a whole one ends
    malformed    status 200 with what no client can read
    cut          the connection ends within the answer: told, but not why
    no fallback  an error although a candidate was well
    masked       an error of the wrong class, or one that does not name the cause
    retried      the caller's own mistake put to a candidate more than once
    hammered     one candidate asked more than 3 times in a second for one request, or sooner than its Retry-After, or,
                 when it fails every time, for more than half of 20 requests in turn
    ok           none of these
    n/a          the gateway cannot be put into the case

The exit code is 0 only when this router is ok in every case. The others are installed under .build/benchmarks the first
time, from lock files with hashes. It takes two to three minutes then.
"""

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


if __name__ == "__main__":
    sys.exit(main())
