"""One JSON line per step, for CloudWatch Logs Insights. Never a token, never an address with a signature."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import PurePath

from lambdas.weights.errors import StagingError


def step_line(step: str, subject: str, duration_s: float, **details: object) -> dict[str, object]:
    """What a step did. `details` are counts, bytes and names of files."""
    return {
        "level": "INFO",
        "event": step,
        "snapshot": subject,
        "duration_ms": round(duration_s * 1000),
        **details,
    }


def failure_line(step: str, subject: str, error: Exception, **details: object) -> dict[str, object]:
    """Why a step failed. Of an error that is none of ours type and places only: its text may quote anything."""
    line: dict[str, object] = {
        "level": "ERROR",
        "event": step,
        "snapshot": subject,
        "error": type(error).__name__,
        **details,
    }
    if isinstance(error, StagingError):
        return {**line, "message": str(error)}
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {**line, "places": places}


def write(line: dict[str, object]) -> None:
    """Write a line to standard output, which Lambda sends to the log group."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
