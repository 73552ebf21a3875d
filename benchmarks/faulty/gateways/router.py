"""This router: a use case per case, with the retries and the breaker that the catalogue has by default."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faulty.case import Case
from benchmarks.faulty.gateways.gateway import ATTEMPT_S, Gateway, Served
from benchmarks.faulty.judge import DEADLINE_S
from benchmarks.faulty.upstream import ROLES, Candidates, place
from benchmarks.faulty.wire import Wire
from benchmarks.gateways.processes import ROOT, free_port, running
from benchmarks.gateways.subjects import AWS_KEYS
from endpoints.catalogue.schema.routing import BreakerSettings, Retries
from tests.faults.stage import LIMITS, use_case

_NAME = "router"
_ATTEMPT_MS, _DEADLINE_MS = int(ATTEMPT_S * 1000), int(DEADLINE_S * 1000)
SETTINGS: Mapping[str, Any] = {
    "limits": {**LIMITS, "timeout_ms": _DEADLINE_MS},
    "streams": {"timeout_ms": _DEADLINE_MS, "first_token_ms": _ATTEMPT_MS, "idle_ms": _ATTEMPT_MS},
    "retries": Retries().model_dump(),
    "breaker": BreakerSettings().model_dump(),
}


def _version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def _cannot(case: Case) -> bool:
    """One address is SageMaker's runtime for every candidate: it refuses connections to all of them or to none."""
    return bool(case.refused) and case.refused != set(ROLES)


@contextmanager
def _serve(cases: Sequence[Case], candidates: Candidates, folder: Path) -> Iterator[Served]:
    """Two processes: the second one is for a runtime that refuses connections."""
    table = folder / "route_table.json"
    use_cases = {case.key: use_case(place(_NAME, case), **SETTINGS) for case in cases}
    table.write_text(json.dumps({"version": 2, "environment": "test", "use_cases": use_cases}))
    there, nowhere = free_port(), free_port()
    with ExitStack() as stack:
        for port, runtime in ((there, candidates.runtime.url), (nowhere, candidates.nowhere)):
            environ = {
                **AWS_KEYS,
                "AWS_ENDPOINT_URL": runtime,
                "PORT": str(port),
                "ROUTE_TABLE_PATH": str(table),
            }
            log = folder / f"{_NAME}-{port}.log"
            stack.enter_context(running([sys.executable, "-m", "lambdas.router"], environ, log))
        yield Served(lambda case: nowhere if case.refused else there)


ROUTER = Gateway(_NAME, _version, Wire.SAGEMAKER, SETTINGS, _serve, cannot=_cannot)
