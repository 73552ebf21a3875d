"""The custom resource of a staged snapshot: `lambdas.weights.resource.handler`. It reads no token.

CloudFormation's Create and Update succeed only with a manifest. Where there is none the stager is started or joined,
and a small state machine, the waiter, looks after it every few seconds and answers when it has ended:

    {"RequestType": ...}                                         CloudFormation asks
    {"action": "start", "event": {...}}                          the waiter: which execution is it?
    {"action": "poll", "event", "staging", "started_at"}         the waiter: how is it?
    {"action": "respond", "event", "staging" | "failure"}        the waiter: tell CloudFormation
    {"source": "aws.states", "detail": {...}}                    the waiter itself failed, or was stopped

Delete succeeds and deletes nothing: bytes are removed by people (`adept weights prune`).

Environment: WEIGHTS_BUCKET, STAGER_ARN, WAITER_ARN.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.weights import log
from lambdas.weights.clients import client
from lambdas.weights.cloudformation import ResourceEvent, answer, deliver
from lambdas.weights.errors import BadRequest, StagingError
from lambdas.weights.fields import mapping, parsed_json, text
from lambdas.weights.joining import COMPLETE, Staging, described, start_or_join
from lambdas.weights.store import SnapshotStore

LONGEST_WAIT_S = 3300.0  # CloudFormation gives up after 3,600
POLL_S = 5
_SOON_S = 15.0


@dataclass(frozen=True)
class Resource:
    """`states` is a Step Functions client."""

    states: Any
    store: SnapshotStore
    stager_arn: str
    waiter_arn: str

    def handle(self, event: Mapping[str, Any]) -> dict[str, object]:
        if "RequestType" in event:
            return self._asked(ResourceEvent(event))
        if event.get("source") == "aws.states":
            return self._waiter_ended(mapping(event.get("detail"), "detail"))
        actions: dict[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
            "start": self._start,
            "poll": self._poll,
            "respond": self._respond,
        }
        action = actions.get(str(event.get("action")))
        if action is None:
            raise BadRequest(f"action: one of {', '.join(actions)}")
        return action(event)

    def _asked(self, event: ResourceEvent) -> dict[str, object]:
        """Answer at once where that is possible. Whatever goes wrong is an answer, too: none costs an hour."""
        try:
            done = event.kind == "Delete" or self._is_staged(event)
            if not done:
                self._start_waiter(event)
                return {"waiting": True}
        except Exception as error:  # noqa: BLE001 - the last line: a bug must become an answer
            log.write(log.failure_line("asked", event.physical_id, error))
            deliver(event, answer(event, _told(error)))
            return {"waiting": False}
        deliver(event, answer(event, None))
        return {"waiting": False}

    def _start_waiter(self, event: ResourceEvent) -> None:
        try:
            self.states.start_execution(
                stateMachineArn=self.waiter_arn,
                name=event.request_id,
                input=json.dumps({"event": dict(event.raw)}),
            )
        except ClientError as error:
            details: Any = error.response
            # Lambda delivers an event at least once.
            if details["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def _start(self, event: Mapping[str, Any]) -> dict[str, object]:
        return self._start_or_join(ResourceEvent(mapping(event.get("event"), "event"))).document()

    def _start_or_join(self, asked: ResourceEvent) -> Staging:
        return start_or_join(
            self.states,
            self.stager_arn,
            asked.request().snapshot,
            asked.document(),
            is_staged=lambda: self._is_staged(asked),
        )

    def _poll(self, event: Mapping[str, Any]) -> dict[str, object]:
        asked = ResourceEvent(mapping(event.get("event"), "event"))
        fields = mapping(event.get("staging"), "staging")
        if fields.get("execution_arn") is None:
            return COMPLETE.document()
        staging = self._now(asked, text(fields, "execution_arn"), joined=fields.get("joined") is True)
        waited_s = _waited_s(text(event, "started_at"))
        if staging.state == "RUNNING" and waited_s > LONGEST_WAIT_S:
            staging = Staging(staging.arn, "FAILED", f"{_STILL_COPYING} ({staging.arn})")
        # A small snapshot is there in seconds; a large one needs no hurry.
        return {**staging.document(), "wait_s": 1 if waited_s < _SOON_S else POLL_S}

    def _now(self, asked: ResourceEvent, arn: str, *, joined: bool) -> Staging:
        """How the run is; after one that was joined and has copied other files, the next attempt."""
        staging = replace(described(self.states, arn), joined=joined)
        if staging.state != "SUCCEEDED" or self._is_staged(asked):
            return staging
        if staging.goes_on(is_staged=False):
            return self._start_or_join(asked)
        return Staging(arn, "FAILED", _NOT_ALL)

    def _respond(self, event: Mapping[str, Any]) -> dict[str, object]:
        asked = ResourceEvent(mapping(event.get("event"), "event"))
        failure = self._failure(asked, event)
        deliver(asked, answer(asked, failure))
        return {"answered": failure is None}

    def _failure(self, asked: ResourceEvent, event: Mapping[str, Any]) -> str | None:
        staging = mapping(event.get("staging") or {}, "staging")
        if staging.get("state") == "SUCCEEDED" and self._is_staged(asked):
            return None
        if "failure" in event:
            return _caught(mapping(event["failure"], "failure"))
        return str(staging.get("reason") or "The snapshot is not staged")

    def _waiter_ended(self, detail: Mapping[str, Any]) -> dict[str, object]:
        """The waiter was stopped or ran out of time, so nobody has answered; a second answer is ignored."""
        waited = mapping(parsed_json(text(detail, "input"), "the waiter's input"), "the waiter's input")
        asked = ResourceEvent(mapping(waited.get("event"), "event"))
        staged = self._is_staged(asked)
        why = f"Waiting for the snapshot ended ({detail.get('status')}); deploy again to go on"
        deliver(asked, answer(asked, None if staged else why))
        return {"answered": staged}

    def _is_staged(self, event: ResourceEvent) -> bool:
        request = event.request()
        manifest = self.store.manifest(request.snapshot)
        return manifest is not None and request.covered_by(manifest.files)


_NOT_ALL = (
    "The stager's run has ended, but not everything that is asked for is staged: somebody has removed some of it. "
    "Deploy again"
)
_STILL_COPYING = (
    "The snapshot is still being copied after 55 minutes, which is as long as CloudFormation waits. "
    "The copy goes on: deploy again, and it is joined"
)


def handler(event: dict[str, Any], _context: object = None) -> dict[str, object]:
    """Answer CloudFormation, the waiter, or the news that the waiter failed."""
    try:
        return _resource().handle(event)
    except Exception as error:
        log.write(log.failure_line(str(event.get("action") or "resource"), "", error))
        raise


def _told(error: Exception) -> str:
    """What CloudFormation is told about a failure here: our own words and AWS's, but no other exception's."""
    if isinstance(error, StagingError | ClientError):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__} in the snapshot's custom resource; its log says where"


def _caught(failure: Mapping[str, Any]) -> str:
    cause = str(failure.get("Cause", ""))
    with suppress(BadRequest, AttributeError):  # not a Lambda's: it is taken as it is
        cause = str(parsed_json(cause, "the cause").get("errorMessage", cause))
    return f"{failure.get('Error')}: {cause}"


def _waited_s(started_at: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(started_at)).total_seconds()


def _resource() -> Resource:
    return Resource(
        states=client("stepfunctions"),
        store=SnapshotStore(client("s3"), os.environ["WEIGHTS_BUCKET"]),
        stager_arn=os.environ["STAGER_ARN"],
        waiter_arn=os.environ["WAITER_ARN"],
    )
