"""A request's story -> its log line: one JSON object, in which CloudWatch Logs also finds the request's metrics.

Never a prompt or a completion unless the use case wants them, never a key, and never an engine's message, which may
quote a prompt. What says nothing (no error, no wait, no hedge) is left out: a log is paid by its bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from lambdas.router.asking.failed import STREAM_INTERRUPTED
from lambdas.router.cost import cost_usd
from lambdas.router.strict_json import dumps
from lambdas.router.telemetry.emf import CANDIDATE, USE_CASE, Metric, directives, with_metrics
from lambdas.router.trace import AttemptRecord, Ended, Trace

PROVIDER = "aws.sagemaker"
"""`gen_ai.provider.name`: the conventions have no name for SageMaker, and allow one of their users'."""

CALLER_GONE = "caller_gone"
"""`error.type` of a request whose caller left before its end."""

OPERATIONS = {"chat": "chat", "completion": "text_completion", "generate": "text_completion"}
"""The router's operations -> `gen_ai.operation.name`."""

_BY_USE_CASE: tuple[tuple[str, ...], ...] = ((USE_CASE,),)
_BY_CANDIDATE = ((USE_CASE,), (USE_CASE, CANDIDATE))
Server = tuple[str, int]


class Place(NamedTuple):
    """Where this router runs, and whom it asks: what is the same on all of its lines. `server`: host and port."""

    environment: str
    server: Callable[[], Server | None] = lambda: None


def request_line(trace: Trace, place: Place, now_s: float | None = None) -> str:
    """The line, without its end. `now_s`: seconds since the epoch."""
    own = _identity(trace) | _outcome(trace)
    if trace.texts is not None:
        from lambdas.router.telemetry.texts import (
            text_fields,  # what few use cases want is loaded for them alone
        )

        own |= text_fields(trace.texts)
    candidate, environment = trace.candidate, place.environment
    answered_by = None if candidate is None else (candidate.role, candidate.model_id)
    shared = _shared(environment, place.server(), trace.operation, trace.use_case, trace.stream, answered_by)
    if not trace.attempts:
        return f"{{{shared},{dumps(own)[1:]}"
    metrics = _metrics(trace)
    own |= metrics
    dimensions = _BY_USE_CASE if candidate is None else _BY_CANDIDATE
    now_ms = int((time.time() if now_s is None else now_s) * 1000)
    declared = directives(environment, tuple(metrics), dimensions)
    return with_metrics(f"{{{shared},{dumps(own)[1:]}", declared, now_ms)


@lru_cache(maxsize=1024)
def _shared(
    environment: str,
    server: Server | None,
    operation: str | None,
    use_case: str | None,
    stream: bool,
    answered_by: tuple[str, str] | None,
) -> str:
    """What many lines have in common, rendered, without its brackets: two thirds of a line, and of the work.

    `answered_by`: a candidate's role and model id.

    With OpenTelemetry's attributes of a client's call of a model: what is asked for is the use case.
    """
    line: dict[str, Any] = {"event": "request", "environment": environment, "operation": operation}
    if use_case is None:
        return dumps(line)[1:-1]
    line |= {
        "use_case": use_case,
        "stream": stream,
        USE_CASE: use_case,
        "gen_ai.operation.name": OPERATIONS.get(operation or "", operation),
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": use_case,
    }
    if answered_by is not None:
        line["candidate"], line["model_id"] = line[CANDIDATE], line["gen_ai.response.model"] = answered_by
    if server is not None:
        line["server.address"], line["server.port"] = server
    return dumps(line)[1:-1]


def _level(trace: Trace) -> str:
    failed = (trace.status is not None and trace.status >= 500) or trace.error == STREAM_INTERRUPTED
    return "ERROR" if failed else "INFO"


def _identity(trace: Trace) -> dict[str, Any]:
    """Which request, whose, of which trace."""
    line: dict[str, Any] = {"level": _level(trace), "request_id": trace.request_id}
    context = trace.context
    if context is not None:
        line["trace_id"], line["span_id"] = context.trace_id, context.span_id
        if context.parent_id is not None:
            line["parent_span_id"] = context.parent_id
    if trace.caller is not None:
        line["caller"] = trace.caller
    exposure = trace.exposure
    if exposure is not None:
        line["experiment"] = exposure._asdict()
    return line


def _outcome(trace: Trace) -> dict[str, Any]:
    line: dict[str, Any] = {"status": trace.status, "latency_ms": trace.latency_ms}
    if trace.ended is not None:
        line["ended"] = trace.ended
    if trace.error is not None:
        line["error"] = line["error.type"] = trace.error
    elif trace.ended is Ended.GONE:
        line["error.type"] = CALLER_GONE
    if trace.use_case is None:
        return line
    if trace.first_token_ms is not None:
        line["first_token_ms"] = trace.first_token_ms
    if trace.prompt_tokens is not None:
        line["prompt_tokens"] = trace.prompt_tokens
    if trace.completion_tokens is not None:
        line["completion_tokens"] = trace.completion_tokens
    line["failovers"] = trace.failovers
    line["attempts"] = [_attempt(attempt) for attempt in trace.attempts]
    return line


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "role": attempt.role,
        "outcome": attempt.outcome,
        "duration_ms": attempt.duration_ms,
        "breaker": attempt.breaker,
    }
    if attempt.span_id:
        line["span_id"] = attempt.span_id
    if attempt.outcome == "ok" and not attempt.hedge and not attempt.waited_ms:
        return line
    told = {
        "code": attempt.code,
        "status": attempt.status,
        "detail": attempt.detail,
        "waited_ms": attempt.waited_ms,
        "hedge": attempt.hedge,
    }
    return line | {name: value for name, value in told.items() if value}


def _metrics(trace: Trace) -> dict[str, float]:
    """Seconds, tokens, numbers, USD. Tokens are there only where the engine counted them."""
    attempts = trace.attempts
    metrics: dict[str, float] = {
        Metric.DURATION: round(trace.latency_ms / 1000, 4),
        Metric.ATTEMPTS: len(attempts),
    }
    if trace.first_token_ms is not None:
        metrics[Metric.FIRST_CHUNK] = round(trace.first_token_ms / 1000, 4)
    if trace.prompt_tokens is not None:
        metrics[Metric.INPUT_TOKENS] = trace.prompt_tokens
    if trace.completion_tokens is not None:
        metrics[Metric.OUTPUT_TOKENS] = trace.completion_tokens
    if trace.route is not None and trace.route.hedging is not None:
        metrics[Metric.HEDGES] = sum(attempt.hedge for attempt in attempts)
    cost = cost_usd(trace)
    if cost is not None:
        metrics[Metric.COST] = cost
    return metrics
