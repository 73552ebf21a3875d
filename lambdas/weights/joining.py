"""At most one copy of a snapshot at a time: an execution's name is the snapshot's, so starting twice is joining.

Step Functions keeps an execution's name for 90 days: `<snapshot id>-1` can be started once. Whoever comes second is
told that it exists, and waits for it; after one that failed the next number is started. One that was joined may have
been started for other files: whoever waited for it goes on with the next number.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from botocore.exceptions import ClientError

from lambdas.weights.errors import StagingError
from lambdas.weights.snapshot import Snapshot

MOST_ATTEMPTS = 500
# DescribeExecution is eventually consistent: what was started a moment ago it may not know. Seconds between looks.
UNKNOWN_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
_CAUSE_CHARS = 2000
_RUNNING = ("RUNNING", "PENDING_REDRIVE")


class TooManyAttempts(StagingError):
    """Every execution name of a snapshot is used up."""


class StepFunctions(Protocol):
    """What is used of botocore's client."""

    def start_execution(self, **arguments: Any) -> dict[str, Any]: ...
    def describe_execution(self, **arguments: Any) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Staging:
    """An execution of the stager. `arn` is None where there is nothing to do; `state` as Step Functions names it;
    `joined` when somebody else had started it.
    """

    arn: str | None
    state: str
    reason: str = ""
    joined: bool = False

    def document(self) -> dict[str, object]:
        return {
            "execution_arn": self.arn,
            "state": self.state,
            "reason": self.reason,
            "joined": self.joined,
        }

    def goes_on(self, *, is_staged: bool) -> bool:
        """Whether whoever waited starts the next attempt: it did well, but for the files of somebody else.

        One's own that did well and left something out would do so for ever.
        """
        return self.joined and self.state == "SUCCEEDED" and not is_staged


COMPLETE = Staging(None, "SUCCEEDED")


def snapshot_id(snapshot: Snapshot) -> str:
    return hashlib.sha256(str(snapshot).encode()).hexdigest()[:40]


def start_or_join(
    states: StepFunctions,
    machine_arn: str,
    snapshot: Snapshot,
    request: Mapping[str, object],
    *,
    is_staged: Callable[[], bool],
) -> Staging:
    """The execution that stages the snapshot: a running one, or a new one; `COMPLETE` where it is staged already."""
    if is_staged():
        return COMPLETE
    for attempt in range(1, MOST_ATTEMPTS + 1):
        name = f"{snapshot_id(snapshot)}-{attempt}"
        if arn := _started(states, machine_arn, name, request):
            return Staging(arn, "RUNNING")
        staging = described(states, execution_arn(machine_arn, name))
        if staging.state == "RUNNING":
            return replace(staging, joined=True)
        if staging.state == "SUCCEEDED" and is_staged():
            return COMPLETE
    raise TooManyAttempts(f"{snapshot}: {MOST_ATTEMPTS} attempts in 90 days; see the stager's executions")


def described(states: StepFunctions, arn: str) -> Staging:
    """How an execution is. One that was started a moment ago may not be known yet: that is waited for."""
    answer = _description(states, arn)
    reason = f"{answer.get('error') or answer['status']}: {answer.get('cause') or 'no cause was given'}"
    state = "RUNNING" if answer["status"] in _RUNNING else answer["status"]
    return Staging(arn, state, reason[:_CAUSE_CHARS])


def execution_arn(machine_arn: str, name: str) -> str:
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _description(states: StepFunctions, arn: str) -> dict[str, Any]:
    for wait_s in UNKNOWN_WAITS_S:
        try:
            return states.describe_execution(executionArn=arn)
        except ClientError as error:
            if _code(error) != "ExecutionDoesNotExist":
                raise
        time.sleep(wait_s)
    return states.describe_execution(executionArn=arn)


def _started(states: StepFunctions, machine_arn: str, name: str, request: Mapping[str, object]) -> str | None:
    """The execution's ARN, or None where the name is taken."""
    try:
        answer = states.start_execution(
            stateMachineArn=machine_arn, name=name, input=json.dumps(request, sort_keys=True)
        )
    except ClientError as error:
        if _code(error) == "ExecutionAlreadyExists":
            return None
        raise
    return str(answer["executionArn"])


def _code(error: ClientError) -> str:
    details: Any = error.response
    return str(details["Error"]["Code"])
