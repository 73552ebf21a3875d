"""Step `clean`: after a stage failed, say why, and remove what is of no use to the next one.

After a failure that a new attempt may get over, what was copied stays, and the next attempt goes on from it; what
nobody goes on with is removed by the bucket's lifecycle rules. Objects stay in any case: the next attempt proves or
replaces them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from lambdas.weights.errors import DISCARDING, FINAL, MESSAGE_CHARS, BadRequest, without_secrets
from lambdas.weights.fields import mapping
from lambdas.weights.snapshot import Snapshot
from lambdas.weights.store import SnapshotStore

# What Step Functions says when items of a map failed; which error it was, the steps have recorded.
_SAYS_NOTHING = ("States.ExceedToleratedFailureThreshold", "States.TaskFailed")


def clean(request: object, failure: object, store: SnapshotStore) -> dict[str, object]:
    """`{"error", "message", "resumable"}` of a failed stage. `failure` is what a Catch caught: Error and Cause."""
    error, message = _caught(failure)
    try:
        snapshot = Snapshot.parse(request)
    except BadRequest as refused:
        return _report("BadRequest", str(refused), resumable=False)
    recorded = store.failures(snapshot)
    if error in recorded or error in _SAYS_NOTHING:
        error, message = _telling(recorded, error, message)
    discarding = error in DISCARDING
    if discarding:
        _discard(snapshot, store)
    return _report(error, message, resumable=not discarding)


def _telling(recorded: Mapping[str, str], error: str, message: str) -> tuple[str, str]:
    """Of everything that failed, what a person must mend; else any of it."""
    for name in sorted(recorded, key=lambda name: (name not in DISCARDING, name not in FINAL, name != error)):
        return name, recorded[name]
    return error, f"{message or 'A step failed'}. The worker's log says which step, and why."


def _discard(snapshot: Snapshot, store: SnapshotStore) -> None:
    """Parts and notes, but no object: one that `finish` found to be wrong is gone already, and any other may be proved
    at this moment by the next attempt, whose proof changes nothing that S3 could be asked to compare.
    """
    store.uploads.abort(store.uploads.unfinished(snapshot))
    store.remove_staging(snapshot)


def _caught(failure: object) -> tuple[str, str]:
    """A failed Lambda's Cause is JSON with the exception's text; anything else is taken as it is."""
    fields = mapping(failure, "a failure")
    message = str(fields.get("Cause", ""))
    with suppress(ValueError):
        document = json.loads(message)
        if isinstance(document, dict):
            message = str(document.get("errorMessage", message))
    return str(fields.get("Error", "States.Unknown")), message


def _report(error: str, message: str, *, resumable: bool) -> dict[str, object]:
    more = " What was copied is kept: the next attempt goes on from there." if resumable else ""
    text = without_secrets(message or "no reason was given")[:MESSAGE_CHARS]
    return {"error": error, "message": text + more, "resumable": resumable}
