"""One JSON line per request, for CloudWatch Logs Insights.

Never a prompt, a completion, a key, or an engine's message. SageMaker's own messages are here and nowhere else.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from lambdas.router.asking.failed import STREAM_INTERRUPTED
from lambdas.router.asking.shadow import ShadowRecord
from lambdas.router.route_table import RouteTableError
from lambdas.router.trace import Trace


def request_line(trace: Trace) -> dict[str, Any]:
    """What happened to a request.

    Attempts hold candidate, outcome, error code, engine status, SageMaker's message and duration.
    """
    candidate, status = trace.candidate, trace.status
    failed = (status is not None and status >= 500) or trace.error == STREAM_INTERRUPTED
    return {
        "level": "ERROR" if failed else "INFO",
        "event": "request",
        "request_id": trace.request_id,
        "operation": trace.operation,
        "use_case": trace.use_case,
        "candidate": candidate.role if candidate else None,
        "model_id": candidate.model_id if candidate else None,
        "stream": trace.stream,
        "experiment": trace.exposure._asdict() if trace.exposure else None,
        "failovers": trace.failovers,
        "attempts": [attempt._asdict() for attempt in trace.attempts],
        "status": status,
        "error": trace.error,
        "ended": trace.ended.value if trace.ended else None,
        "latency_ms": trace.latency_ms,
        "first_token_ms": trace.first_token_ms,
        "prompt_tokens": trace.prompt_tokens,
        "completion_tokens": trace.completion_tokens,
    }


def shadow_line(record: ShadowRecord) -> dict[str, Any]:
    """What became of a shadow request; without its text."""
    fields = record._asdict()
    del fields["text"]
    return {"level": "INFO", "event": "shadow", **fields}


def crash_line(request_id: str, error: Exception) -> dict[str, Any]:
    """A fault of the router. Type and places only: an exception's text may quote the body it broke on."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    kind = type(error).__name__
    return {"level": "ERROR", "event": "crash", "request_id": request_id, "error": kind, "places": places}


def route_table_line(request_id: str, error: RouteTableError) -> dict[str, Any]:
    """Every fault of a route table that was refused."""
    faults = list(error.faults)
    return {"level": "ERROR", "event": "route_table_invalid", "request_id": request_id, "faults": faults}


def write(line: dict[str, Any]) -> None:
    """Write a line to standard output, which Lambda sends to the log group."""
    write_all([line])


def write_all(lines: Sequence[dict[str, Any]]) -> None:
    """Write lines to standard output together."""
    sys.stdout.write("".join(f"{json.dumps(line)}\n" for line in lines))
    sys.stdout.flush()
