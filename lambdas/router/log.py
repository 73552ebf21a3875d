"""JSON lines on standard output, which Lambda sends to the log group: crashes, the route table, limits, and requests.

Never a key, and never an engine's message or an exception's text, which may quote a prompt.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from lambdas.router.route_table import RouteTableError
from lambdas.router.telemetry.emf import Metric, directives, with_metrics

_OF_ALL = ((),)  # one set without a dimension


def crash_line(request_id: str, error: Exception) -> dict[str, Any]:
    """A fault of the router. Type and places only: an exception's text may quote the body it broke on."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    kind = type(error).__name__
    return {"level": "ERROR", "event": "crash", "request_id": request_id, "error": kind, "places": places}


def route_table_line(request_id: str, error: RouteTableError, etag: str | None = None) -> dict[str, Any]:
    """Every fault of a route table that was refused. `etag`: of one that did not come with the code."""
    faults = list(error.faults)
    line = {"level": "ERROR", "event": "route_table_invalid", "request_id": request_id, "faults": faults}
    return line if etag is None else {**line, "etag": etag}


def write(line: dict[str, Any]) -> None:
    """Write a line to standard output, which Lambda sends to the log group."""
    write_all([json.dumps(line)])


def write_all(lines: Sequence[str]) -> None:
    """Write rendered lines to standard output together."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


class StateLog:
    """Says what changes beside the requests: a table that is replaced or not to be had, a limit that is not counted."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def changed(self, etag: str) -> None:
        """Another route table is in force."""
        write(
            {"level": "INFO", "event": "route_table_changed", "environment": self._environment, "etag": etag}
        )

    def unavailable(self, code: str) -> None:
        """No newer route table is to be had; the last good one stays."""
        self._failed("route_table_unavailable", code, Metric.TABLE_UNAVAILABLE)

    def invalid(self, etag: str, error: RouteTableError) -> None:
        """A newer route table is refused; the last good one stays."""
        write(route_table_line("", error, etag))

    def uncounted(self, code: str) -> None:
        """Requests cannot be counted against their keys' limits."""
        self._failed("limits_unavailable", code, Metric.UNCOUNTED)

    def unshared(self, code: str) -> None:
        """Processes cannot tell each other of candidates. It costs no caller anything: no alarm, no metric."""
        write(
            {
                "level": "WARNING",
                "event": "breakers_unshared",
                "environment": self._environment,
                "code": code,
            }
        )

    def _failed(self, event: str, code: str, metric: str) -> None:
        line = {"level": "ERROR", "event": event, "environment": self._environment, "code": code, metric: 1}
        declared = directives(self._environment, (metric,), _OF_ALL)
        write_all([with_metrics(json.dumps(line), declared, int(time.time() * 1000))])
