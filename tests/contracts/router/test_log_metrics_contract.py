"""The metric filters against lines that the router's own code writes: which line counts for which metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.router_metrics import RouterMetric
from lambdas.router.log import crash_line, route_table_line
from lambdas.router.route_table import Candidate, RouteTableError
from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.trace import AttemptRecord, Ended, Trace
from tests.contracts.router.filter_pattern import field, matches
from tests.unit.router.support import table

Line = Mapping[str, Any]
ASKED, ANSWERED, OVER = RouterMetric.ASKED, RouterMetric.ANSWERED, RouterMetric.FAILED_OVER
TIME, READ, WRITTEN = RouterMetric.ANSWER_TIME, RouterMetric.PROMPT_TOKENS, RouterMetric.COMPLETION_TOKENS
OF_AN_ANSWER = {ASKED, ANSWERED, TIME, READ, WRITTEN}


def _candidate(role: str) -> Candidate:
    return next(each for each in table().routes["query-enhancement"].candidates if each.role == role)


def _line(
    *outcomes: str,
    status: int = 200,
    tokens: int | None = 7,
    use_case: str | None = "job-parsing",
    first_token_ms: float | None = None,
    error: str | None = None,
) -> Line:
    """The line of a request whose attempts ended in `outcomes`, as it stands in the log."""
    roles = ("primary", "alternative")[: len(outcomes)]
    trace = Trace("r")
    trace.operation, trace.use_case, trace.first_token_ms = "chat", use_case, first_token_ms
    trace.attempts = [
        AttemptRecord(role, outcome, 12.3) for role, outcome in zip(roles, outcomes, strict=True)
    ]
    if outcomes and outcomes[-1] == "ok":
        trace.candidate = _candidate(roles[-1])
        trace.prompt_tokens = trace.completion_tokens = tokens
    trace.status, trace.latency_ms, trace.error = status, 45.6, error
    trace.ended = Ended.ERROR if error or status >= 400 else Ended.COMPLETE
    return _read(request_line(trace, Place("test")))


def _written(line: Line) -> Line:
    """As CloudWatch sees it: through JSON."""
    return _read(json.dumps(line))


def _read(text: str) -> Line:
    read = json.loads(text)
    assert isinstance(read, dict)
    return read


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        (_line("ok"), OF_AN_ANSWER),
        (_line("ok", first_token_ms=88.1), OF_AN_ANSWER | {RouterMetric.FIRST_TOKEN}),
        (_line("broken", "ok"), OF_AN_ANSWER | {OVER}),
        (_line("overloaded", "ok"), OF_AN_ANSWER | {OVER, RouterMetric.THROTTLED}),
        (
            _line("timeout", "overloaded", status=503),
            {ASKED, OVER, RouterMetric.THROTTLED, RouterMetric.FAILED},
        ),
        (_line("overloaded", status=429), {ASKED, RouterMetric.THROTTLED}),
        (_line("caller", status=400), {ASKED}),
        (_line("ok", tokens=None), OF_AN_ANSWER - {READ, WRITTEN}),  # an engine that does not count
        (_line("ok", tokens=0), OF_AN_ANSWER),
        (_line(status=404, use_case=None), set()),  # refused before a use case was known
        (_line("broken", error="stream_interrupted"), {ASKED, RouterMetric.FAILED}),  # after its first token
        (_line(status=504), {RouterMetric.FAILED}),  # no time was left to ask anybody
        (_written(crash_line("r", ValueError("x"))), {RouterMetric.CRASHED}),
        (_written(route_table_line("r", RouteTableError(("version",)))), {RouterMetric.CRASHED}),
    ],
)
def test_a_line_counts_for_exactly_these_metrics(line: Line, counted: set[RouterMetric]) -> None:
    assert {metric for metric in RouterMetric if matches(metric.pattern, line)} == counted


def test_what_counts_has_its_dimensions_and_its_value() -> None:
    """Given lines that count; then every dimension is text and every value a number, as CloudWatch demands."""
    lines = [
        _line("overloaded", "ok", first_token_ms=88.1),
        _line("overloaded", status=503),
        _written(crash_line("r", ValueError("x"))),
    ]
    seen = set()
    for metric in RouterMetric:
        for line in (line for line in lines if matches(metric.pattern, line)):
            seen.add(metric)
            assert all(isinstance(field(path, line), str) for path in metric.dimensions.values())
            value = metric.value_of_line
            assert float(field(value, line) if value.startswith("$") else value) >= 0

    assert seen == set(RouterMetric)
