"""The environment's stager, a state machine that copies one snapshot from the Hub: started, joined, looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import StagingError
from endpoints.weights.executions import (
    MOST_ATTEMPTS,
    UNKNOWN_WAITS_S,
    Found,
    execution_name,
    what_to_do,
)
from endpoints.weights.layout import SnapshotId

_FAILED: Final = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True)
class Execution:
    """One run of the stager; `joined` when somebody else had started it."""

    arn: str
    joined: bool

    @property
    def name(self) -> str:
        """The attempt's."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True)
class ExecutionState:
    """How a run is. `error` is the worker's name for what went wrong, `cause` are its words."""

    status: str
    error: str = ""
    cause: str = ""

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self.status == "SUCCEEDED" or self.failed

    @property
    def failed(self) -> bool:
        """True when it ended, and not well."""
        return self.status in _FAILED


@dataclass(frozen=True)
class Stager:
    """Every method raises `RemoteError` when AWS does not answer as it should."""

    account: Account
    arn: str

    @cached_property
    def states(self) -> Any:
        """The one Step Functions client."""
        return self.account.client("stepfunctions")

    def start_or_join(
        self, snapshot: SnapshotId, request: Mapping[str, object], *, has_manifest: Callable[[], bool]
    ) -> Execution | None:
        """The run that stages `snapshot`; None when it is staged.

        Raises `StagingError` when every attempt is used up.
        """
        if has_manifest():
            return None
        for attempt in range(1, MOST_ATTEMPTS + 1):
            name = execution_name(snapshot, attempt)
            if arn := self._start(name, request):
                return Execution(arn, joined=False)
            arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
            match what_to_do(self.state(arn).status, has_manifest=has_manifest()):
                case Found.JOIN:
                    return Execution(arn, joined=True)
                case Found.DONE:
                    return None
        raise StagingError(
            f"the stager has tried {snapshot} {MOST_ATTEMPTS} times in 90 days",
            remedy="Look at its executions in Step Functions: the same thing fails every time.",
        )

    def state(self, arn: str) -> ExecutionState:
        """How a run is now. One that was started a moment ago may not be known yet: that is waited for."""
        with aws_errors("look at the stager", endpoint_url=self.account.endpoint_url):
            answer = self._described(arn)
        error, cause = _worded(str(answer.get("error") or ""), str(answer.get("cause") or ""))
        return ExecutionState(str(answer["status"]), error, cause)

    def running(self) -> tuple[str, ...]:
        """Names of the runs that go on now."""
        with aws_errors("list what the stager does", endpoint_url=self.account.endpoint_url):
            pages = self.states.get_paginator("list_executions").paginate(
                stateMachineArn=self.arn, statusFilter="RUNNING"
            )
            return tuple(str(one["name"]) for page in pages for one in page["executions"])

    def _described(self, arn: str) -> Mapping[str, Any]:
        for wait_s in UNKNOWN_WAITS_S:
            try:
                return dict(self.states.describe_execution(executionArn=arn))
            except ClientError as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise
            time.sleep(wait_s)
        return dict(self.states.describe_execution(executionArn=arn))

    def _start(self, name: str, request: Mapping[str, object]) -> str | None:
        with aws_errors("start the stager", endpoint_url=self.account.endpoint_url):
            try:
                started = self.states.start_execution(
                    stateMachineArn=self.arn, name=name, input=json.dumps(request, sort_keys=True)
                )
            except ClientError as error:
                if error_code(error) == "ExecutionAlreadyExists":
                    return None
                raise
        return str(started["executionArn"])


def planned_bytes(store: WeightsStore, snapshot: SnapshotId, execution: Execution) -> int | None:
    """The size of a snapshot as that run of the stager has planned it; None before it has."""
    body = store.read(snapshot.plan_key(execution.name))
    try:
        return sum(int(file["size_bytes"]) for file in json.loads(body or b"null")["files"])
    except (ValueError, TypeError, LookupError):
        return None


def staged_bytes(store: WeightsStore, snapshot: SnapshotId) -> int:
    """What of a snapshot is in the bucket: objects, and the parts of uploads that are under way."""
    objects = sum(int(one["Size"]) for one in store.listed(snapshot.prefix))
    return objects + sum(upload.size_bytes for upload in store.open_uploads(snapshot.prefix))


def _worded(error: str, cause: str) -> tuple[str, str]:
    """A failed Lambda's cause is JSON that holds the worker's message; anything else is taken as it is."""
    try:
        document = json.loads(cause)
    except ValueError:
        return error, cause
    if not isinstance(document, dict):
        return error, cause
    return str(document.get("errorType") or error), str(document.get("errorMessage") or cause)
