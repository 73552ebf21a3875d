"""The router's log lines against the embedded metric format, and its metrics against the alarms' names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.router_metrics import LIMITS_UNAVAILABLE, TABLE_UNAVAILABLE, RouterMetric, namespace
from lambdas.router.asking.shadow import ShadowRecord
from lambdas.router.choosing.experiments import Exposure
from lambdas.router.log import StateLog
from lambdas.router.telemetry.emf import Metric
from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.telemetry.shadow_line import shadow_line
from lambdas.router.trace import AttemptRecord, Ended, Texts, Trace
from lambdas.router.trace_context import read_trace_context
from tests.contracts.router.emf_schema import Point, points_of
from tests.unit.router.support import chat_body, completion, table
from tests.unit.router.world import use_case_table

NOW_S = 1_795_705_948.25
PLACE = Place("staging", lambda: ("runtime.sagemaker.eu-west-1.amazonaws.com", 443))
HEDGED = {"after_ms": 50, "to": "next", "max_prompt_chars": 100, "budget_percent": 5}


def answered(**changes: Any) -> Trace:
    """A request that its primary answered after 1.25 s."""
    route = table().routes["query-enhancement"]
    trace = Trace("r", context=read_trace_context({}))
    trace.operation, trace.use_case, trace.route = "chat", route.use_case, route
    trace.candidate = route.candidates[0]
    trace.attempts = [AttemptRecord("primary", "ok", 1200.0, span_id="b7ad6b7169203331")]
    trace.prompt_tokens, trace.completion_tokens = 7, 3
    trace.status, trace.latency_ms, trace.ended = 200, 1250.0, Ended.COMPLETE
    for name, value in changes.items():
        setattr(trace, name, value)
    return trace


def _values(points: set[Point], *dimensions: tuple[str, str]) -> dict[str, float]:
    return {point.name: point.value for point in points if point.dimensions == frozenset(dimensions)}


OF_USE_CASE = ("UseCase", "query-enhancement")


def test_an_answer_is_measured_for_its_use_case_and_for_its_candidate() -> None:
    points = points_of(request_line(answered(stream=True, first_token_ms=125.0), PLACE, NOW_S))
    expected = {
        "gen_ai.client.operation.duration": 1.25,
        "gen_ai.client.operation.time_to_first_chunk": 0.125,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "adept.attempts": 1,
        "adept.cost": pytest.approx(1.25 / 3600 * 1.5 / 8, abs=1e-9),
    }
    assert _values(points, OF_USE_CASE) == expected
    assert _values(points, OF_USE_CASE, ("Candidate", "primary")) == expected
    assert {point.namespace for point in points} == {namespace("staging")}
    units = {point.name: point.unit for point in points}
    assert units["gen_ai.client.operation.duration"] == "Seconds"
    assert (units["gen_ai.usage.input_tokens"], units["adept.cost"]) == ("Count", "None")


def test_a_failure_is_measured_for_its_use_case_alone() -> None:
    failed = answered(
        candidate=None, prompt_tokens=None, completion_tokens=None, status=502, error="candidates_failed"
    )
    line = request_line(failed, PLACE, NOW_S)
    assert {point.dimensions for point in points_of(line)} == {frozenset([OF_USE_CASE])}
    assert set(_values(points_of(line), OF_USE_CASE)) == {
        "gen_ai.client.operation.duration",
        "adept.attempts",
        "adept.cost",
    }
    assert json.loads(line)["error.type"] == "candidates_failed"


def test_hedges_are_measured_where_a_use_case_hedges() -> None:
    route = use_case_table(hedging=HEDGED).routes["query-enhancement"]
    attempts = [
        AttemptRecord("primary", "dropped", 80.0),
        AttemptRecord("alternative", "ok", 30.0, hedge=True),
    ]
    points = points_of(request_line(answered(route=route, attempts=attempts), PLACE, NOW_S))
    assert _values(points, OF_USE_CASE)["adept.hedges"] == 1


def test_what_asked_no_model_has_a_line_and_no_metrics() -> None:
    unknown = Trace("r")
    unknown.operation, unknown.status, unknown.error = "chat", 404, "model_not_found"
    unknown.ended = Ended.ERROR
    line = request_line(unknown, PLACE, NOW_S)
    assert points_of(line) == set()
    assert json.loads(line)["error"] == "model_not_found"


def shadow(**changes: Any) -> ShadowRecord:
    record = ShadowRecord("r", "query-enhancement", "alternative", "m", "primary", "ok", 500.0, None, 7, 3)
    return record._replace(**changes)


def test_a_shadow_is_measured_apart_by_its_outcome() -> None:
    line = shadow_line(shadow(outcome="timeout", code="DeadlineExceeded", cost_usd=0.001), PLACE, NOW_S)
    dimensions = (OF_USE_CASE, ("Candidate", "alternative"), ("Outcome", "timeout"))
    assert _values(points_of(line), *dimensions) == {"adept.shadow.duration": 0.5, "adept.shadow.cost": 0.001}
    assert "adept.shadow.cost" not in shadow_line(shadow(), PLACE, NOW_S)


@pytest.mark.parametrize(
    ("told", "metric"),
    [
        (lambda state: state.unavailable("AccessDenied"), "adept.route_table.unavailable"),
        (lambda state: state.uncounted("Timeout"), "adept.limits.unavailable"),
    ],
)
def test_what_is_not_to_be_had_is_a_metric_without_dimensions(
    told: Callable[[StateLog], None], metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told(StateLog("staging"))
    line = capsys.readouterr().out
    assert points_of(line) == {Point(namespace("staging"), metric, frozenset(), "Count", 1)}
    assert json.loads(line)["level"] == "ERROR"


def test_the_alarms_watch_the_metrics_that_lines_declare() -> None:
    assert (TABLE_UNAVAILABLE, LIMITS_UNAVAILABLE) == (Metric.TABLE_UNAVAILABLE, Metric.UNCOUNTED)


def test_no_metric_of_a_line_has_the_name_of_a_filters() -> None:
    """They share a namespace and the use case's dimension: a value would count twice."""
    measured = {point.name for point in points_of(request_line(answered(first_token_ms=1.0), PLACE))}
    assert measured.isdisjoint(metric.metric_name for metric in RouterMetric)


def test_a_line_says_whose_request_it_was_who_answered_and_in_which_trace() -> None:
    exposure = Exposure("exp-1", "primary", "user")
    line = json.loads(request_line(answered(caller="key-1", exposure=exposure), PLACE, NOW_S))
    assert line["_aws"]["Timestamp"] == 1_795_705_948_250
    del line["_aws"]
    trace_id, span_id = line.pop("trace_id"), line.pop("span_id")
    assert (len(trace_id), len(span_id)) == (32, 16)
    assert line == {
        "event": "request", "level": "INFO", "environment": "staging", "request_id": "r", "caller": "key-1",
        "operation": "chat", "use_case": "query-enhancement", "UseCase": "query-enhancement", "stream": False,
        "candidate": "primary", "Candidate": "primary", "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "experiment": {"experiment": "exp-1", "arm": "primary", "unit": "user"},
        "status": 200, "ended": "complete", "latency_ms": 1250.0, "prompt_tokens": 7, "completion_tokens": 3,
        "failovers": 0,
        "attempts": [
            {"role": "primary", "outcome": "ok", "duration_ms": 1200.0, "breaker": "closed",
             "span_id": "b7ad6b7169203331"},
        ],
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.sagemaker",
        "gen_ai.request.model": "query-enhancement",
        "gen_ai.response.model": "meta-llama/Llama-3.1-8B-Instruct",
        "server.address": "runtime.sagemaker.eu-west-1.amazonaws.com", "server.port": 443,
        "gen_ai.client.operation.duration": 1.25, "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3, "adept.attempts": 1, "adept.cost": 6.25e-05,
    }  # fmt: skip


def test_the_longest_texts_make_no_line_that_cloudwatch_would_cut() -> None:
    """Every character of a line may take six bytes, and CloudWatch takes 256 KB."""
    prompt = json.dumps(chat_body(messages=[{"role": "user", "content": "é" * 60_000}])).encode()
    trace = answered(texts=Texts(prompt, completion("\u0001" * 60_000)))
    line = request_line(trace, PLACE, NOW_S)
    assert points_of(line)
    assert len(line) < 120_000
