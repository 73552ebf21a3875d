"""Route tables of one use case, `chat`, whose candidates a test chooses."""

from __future__ import annotations

from typing import Any

from lambdas.router.route_table import Candidate, Engine, RouteTable
from tests.unit.router.support import table

LIMITS = {"max_body_bytes": 4_000_000, "max_messages": 8, "max_output_tokens": 100}


def tgi(role: str = "primary", **changes: Any) -> Candidate:
    return table().routes["query-enhancement"].candidates[0]._replace(role=role, variant=role, **changes)


def vllm(role: str = "primary", **changes: Any) -> Candidate:
    return tgi(role, engine=Engine.VLLM, **{"tool_calls": False, **changes})


def table_of(*candidates: Candidate) -> RouteTable:
    given = table()
    route = given.routes["query-enhancement"]
    limits = route.limits._replace(**LIMITS)
    route = route._replace(use_case="chat", limits=limits, candidates=candidates)
    return given._replace(routes={"chat": route}, max_body_bytes=limits.max_body_bytes)
