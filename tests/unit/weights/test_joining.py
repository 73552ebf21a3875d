"""At most one copy at a time; the table of cases is in tests/contracts/weights/test_agreement.py."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.weights.joining import COMPLETE, MOST_ATTEMPTS, TooManyAttempts, snapshot_id, start_or_join
from lambdas.weights.snapshot import Snapshot

SNAPSHOT = Snapshot.of("acme/model", "a" * 40)
MACHINE = "arn:aws:states:us-east-1:1:stateMachine:stager"
ID = snapshot_id(SNAPSHOT)


@dataclass
class Machine:
    """Step Functions with these executions of the snapshot: status by attempt."""

    executions: dict[int, str] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        assert json.loads(arguments["input"]) == {"repository": "acme/model"}
        attempt = int(arguments["name"].removeprefix(f"{ID}-"))
        if attempt in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.started.append(attempt)
        return {"executionArn": f"arn:aws:states:us-east-1:1:execution:stager:{ID}-{attempt}"}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        return {"status": self.executions[int(arguments["executionArn"].rpartition("-")[2])]}


def _join(machine: Machine, *, staged: bool = False) -> str | None:
    found = start_or_join(machine, MACHINE, SNAPSHOT, {"repository": "acme/model"}, is_staged=lambda: staged)
    return None if found is COMPLETE else found.arn


def test_names_that_are_used_up_are_told() -> None:
    with pytest.raises(TooManyAttempts, match="90 days"):
        _join(Machine(dict.fromkeys(range(1, MOST_ATTEMPTS + 1), "FAILED")))


def test_another_error_of_step_functions_is_not_mistaken_for_a_copy_that_runs() -> None:
    class Refusing(Machine):
        def start_execution(self, **_arguments: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartExecution")

    with pytest.raises(ClientError, match="AccessDenied"):
        _join(Refusing())


def test_an_executions_name_is_one_that_step_functions_takes() -> None:
    assert len(f"{ID}-{MOST_ATTEMPTS}") <= 80
    assert snapshot_id(Snapshot.of("acme/model", "b" * 40)) != ID
