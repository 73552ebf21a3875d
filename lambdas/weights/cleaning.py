"""Step `clean`: after a stage failed, say why, and whether to plan anew.

It removes nothing: it may come late, when the next attempt is at work already. What was copied stays, and the next
attempt goes on from it, whatever failed: nothing can be used before it is proved. What nobody goes on with is removed
by the bucket's lifecycle rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from lambdas.weights.attempt import Attempt
from lambdas.weights.errors import FINAL, MESSAGE_CHARS, BadRequest, StagingLost, without_secrets
from lambdas.weights.fields import integer, mapping
from lambdas.weights.store import SnapshotStore

MOST_PLANS = 5

# What Step Functions says when items of a map failed; which error it was, the steps have recorded.
_SAYS_NOTHING = ("States.ExceedToleratedFailureThreshold", "States.TaskFailed")


def clean(event: Mapping[str, object], store: SnapshotStore) -> dict[str, object]:
    """`{"error", "message", "plans", "again"}` of a failed stage: what a person is told, how many plans have failed,
    and whether to plan once more.

    `event["state"]` has the request, and as `failure` what a Catch caught: Error and Cause.
    """
    state = mapping(event.get("state"), "state")
    plans = _plans(state) + 1
    error, message = _caught(state.get("failure"))
    try:
        attempt = Attempt.parse(event, state)
    except BadRequest as refused:
        return _report("BadRequest", str(refused), plans)
    recorded = store.failures(attempt)
    if error in recorded or error in _SAYS_NOTHING:
        error, message = _telling(recorded, error, message)
    return _report(error, message, plans)


def _plans(state: Mapping[str, object]) -> int:
    """How many failed before: this attempt's last report says it."""
    before = state.get("report")
    return 0 if before is None else integer(mapping(before, "the last report"), "plans")


def _telling(recorded: Mapping[str, str], error: str, message: str) -> tuple[str, str]:
    """Of everything that failed, what a person must mend (planning anew would not); else any of it."""

    def rank(name: str) -> tuple[bool, bool, bool]:
        return name not in FINAL, name == StagingLost.__name__, name != error

    for name in sorted(recorded, key=rank):
        return name, recorded[name]
    return error, f"{message or 'A step failed'}. The worker's log says which step, and why."


def _caught(failure: object) -> tuple[str, str]:
    """A failed Lambda's Cause is JSON with the exception's text; anything else is taken as it is."""
    fields = mapping(failure, "a failure")
    message = str(fields.get("Cause", ""))
    with suppress(ValueError):
        document = json.loads(message)
        if isinstance(document, dict):
            message = str(document.get("errorMessage", message))
    return str(fields.get("Error", "States.Unknown")), message


def _report(error: str, message: str, plans: int) -> dict[str, object]:
    """What another one removed a new plan copies or proves again, without anybody's doing."""
    reason = without_secrets(message or "no reason was given")[:MESSAGE_CHARS].rstrip(". ")
    text = f"{reason}. What else was copied is kept: the next attempt goes on from there."
    again = error == StagingLost.__name__ and plans < MOST_PLANS
    return {"error": error, "message": text, "plans": plans, "again": again}
