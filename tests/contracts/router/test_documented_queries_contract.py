"""The Logs Insights queries of docs/operations.md against the router's lines: every field that they name is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.router.choosing.experiments import Exposure
from lambdas.router.telemetry.request_line import request_line
from lambdas.router.telemetry.shadow_line import shadow_line
from lambdas.router.trace import AttemptRecord
from lambdas.router.trace_context import read_trace_context
from tests.contracts.router.test_emf_contract import PLACE, answered, shadow

DOCS = Path(__file__).parents[3] / "docs" / "operations.md"
_COMMAND = re.compile(r"(?:^|\| *)(filter|stats|fields|sort|limit|display|dedup|parse) ")
_QUOTED = re.compile(r'"[^"]*"')
_NAME = re.compile(r"`[^`]+`|@?[A-Za-z_][\w.]*")
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_WORDS = {
    *("filter", "stats", "fields", "sort", "and", "or", "not", "like", "in", "by", "as", "asc", "desc"),
    *("count", "sum", "avg", "min", "max", "pct", "bin", "ispresent"),
}


def _queries() -> list[str]:
    return [
        line.strip()
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("    ") and _COMMAND.match(line.strip())
    ]


def _fields(document: Any, path: str = "") -> Iterator[str]:
    """As Logs Insights finds them: members of members by dots, entries of lists by their number."""
    if isinstance(document, dict | list):
        members = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in members:
            yield from _fields(value, f"{path}.{name}" if path else str(name))
    else:
        yield path


def _known() -> set[str]:
    attempts = [
        AttemptRecord("primary", "unavailable", 1.0, code="ModelNotReady", status=500, breaker="half_open"),
        AttemptRecord("alternative", "ok", 1.0, hedge=True),
    ]
    request = answered(
        caller="key-1",
        attempts=attempts,
        exposure=Exposure("e", "primary", "user"),
        context=read_trace_context({}),
        error="stream_interrupted",
    )
    lines = (request_line(request, PLACE), shadow_line(shadow(cost_usd=0.1), PLACE))
    system = {"@timestamp", "@message"}
    return system.union(*(set(_fields(json.loads(line))) for line in lines))


@pytest.mark.parametrize("query", _queries())
def test_a_query_names_only_fields_that_lines_have(query: str) -> None:
    known = _known()
    aliases = set(re.findall(r" as (\w+)", query))
    names = {name for name in _NAME.findall(_QUOTED.sub("", query)) if name not in _WORDS | aliases}
    times = {name for name in names if re.fullmatch(r"[dhms]", name)}  # of bin(5m)
    for name in names - times:
        assert name.strip("`") in known, name


def test_there_are_queries() -> None:
    assert len(_queries()) >= 7
