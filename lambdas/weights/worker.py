"""The worker: `lambdas.weights.worker.handler`, the only principal that may read the Hub's token.

Events, one step each:

    {"step": "plan", "attempt", "request": {...}}                     see `request`
    {"step": "copy", "attempt", "snapshot": {...}, "part": {...}}     an item of parts.json
    {"step": "finish", "attempt", "snapshot": {...}, "file": {...}}   an item of files.json
    {"step": "seal", "attempt", "snapshot": {...}}
    {"step": "clean", "attempt", "state": {...}}                      the request, and what the steps have answered

Environment: WEIGHTS_BUCKET, TOKEN_SECRET_ARN, PART_MIB, ADEPT_ENVIRONMENT, HF_ENDPOINT (default: the Hub).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.weights import log
from lambdas.weights.attempt import Attempt
from lambdas.weights.cleaning import clean
from lambdas.weights.clients import client
from lambdas.weights.copying import Part, copy
from lambdas.weights.errors import BadRequest, StagingError
from lambdas.weights.hub import DEFAULT_URL, Hub
from lambdas.weights.parts import MIB
from lambdas.weights.patience import Patience
from lambdas.weights.planning import plan
from lambdas.weights.proving import CopiedFile, finish
from lambdas.weights.request import Request
from lambdas.weights.sealing import seal
from lambdas.weights.snapshot import Snapshot
from lambdas.weights.store import SnapshotStore
from lambdas.weights.token_source import TokenSource

_WITHOUT_LAMBDA_S = 600.0


class LambdaContext(Protocol):
    """What the worker uses of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True)
class Worker:
    """The steps over one bucket and one Hub."""

    hub: Hub
    store: SnapshotStore
    part_bytes: int

    def run(self, event: Mapping[str, Any], left_s: Callable[[], float]) -> dict[str, object]:
        """Do the step that `event` names. Raises `StagingError`, and botocore's errors."""
        steps: dict[str, Callable[[], dict[str, object]]] = {
            "plan": partial(self._plan, event, Patience(left_s)),
            "copy": partial(self._copy, event, Patience(left_s)),
            "finish": partial(self._finish, event),
            "seal": partial(self._seal, event),
            "clean": partial(clean, event, self.store),
        }
        step = steps.get(str(event.get("step")))
        if step is None:
            raise BadRequest(f"step: one of {', '.join(steps)}")
        try:
            return step()
        except (StagingError, ClientError, BotoCoreError) as error:
            self._record(event, error)
            raise

    def _plan(self, event: Mapping[str, Any], patience: Patience) -> dict[str, object]:
        request, attempt = Request.parse(event.get("request")), Attempt.parse(event, event.get("request"))
        return plan(request, attempt, self.hub, self.store, part_bytes=self.part_bytes, patience=patience)

    def _copy(self, event: Mapping[str, Any], patience: Patience) -> dict[str, object]:
        snapshot, part = Snapshot.parse(event.get("snapshot")), Part.parse(event.get("part"))
        return {"bytes": copy(snapshot, part, self.hub, self.store, patience=patience)}

    def _finish(self, event: Mapping[str, Any]) -> dict[str, object]:
        snapshot, copied = Snapshot.parse(event.get("snapshot")), CopiedFile.parse(event.get("file"))
        return {"bytes": finish(snapshot, copied, self.store)}

    def _seal(self, event: Mapping[str, Any]) -> dict[str, object]:
        attempt = Attempt.parse(event, event.get("snapshot"))
        return dict(seal(attempt, self.store, staged_from=self.hub.url))

    def _record(self, event: Mapping[str, Any], error: Exception) -> None:
        """For `clean`: of a failed map Step Functions tells only that it failed."""
        # Where even that cannot be written the error itself is all there is.
        with suppress(StagingError, ClientError, BotoCoreError):
            attempt = Attempt.parse(event, event.get("snapshot") or event.get("request"))
            self.store.record_failure(attempt, error)


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, object]:
    """Run one step. What it raises is the error that the state machine sees."""
    started_s = time.monotonic()
    step, subject, details = str(event.get("step")), _subject(event), _details(event)
    try:
        result = _worker().run(event, _left_s(context))
    except Exception as error:
        log.write(log.failure_line(step, subject, error, **details))
        raise
    log.write(log.step_line(step, subject, time.monotonic() - started_s, **details, **result))
    return result


def _left_s(context: LambdaContext | None) -> Callable[[], float]:
    if context is None:
        return lambda: _WITHOUT_LAMBDA_S
    return lambda: context.get_remaining_time_in_millis() / 1000


def _subject(event: Mapping[str, Any]) -> str:
    named = event.get("snapshot") or event.get("request") or event.get("state")
    fields = named if isinstance(named, Mapping) else {}
    return f"{fields.get('repository')}@{fields.get('revision')}"[:200]


def _details(event: Mapping[str, Any]) -> dict[str, object]:
    item = event.get("part") or event.get("file")
    if not isinstance(item, Mapping) or not isinstance(item.get("file"), Mapping):
        return {}
    span = item.get("span")
    return {
        "file": item["file"].get("path"),
        "part": span.get("number") if isinstance(span, Mapping) else None,
    }


@cache
def _worker() -> Worker:
    tokens = TokenSource(client("secretsmanager"), os.environ["TOKEN_SECRET_ARN"])
    url = os.environ.get("HF_ENDPOINT") or DEFAULT_URL
    return Worker(
        hub=Hub(url, tokens, environment=os.environ.get("ADEPT_ENVIRONMENT", "ENVIRONMENT")),
        store=SnapshotStore(client("s3"), os.environ["WEIGHTS_BUCKET"]),
        part_bytes=int(os.environ["PART_MIB"]) * MIB,
    )
