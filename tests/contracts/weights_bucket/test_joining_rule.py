"""One rule, twice: `adept stage` and the stager's own function start, join and leave the same executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.stager import Execution, Stager
from endpoints.errors import AdeptError
from endpoints.weights.executions import UNKNOWN_WAITS_S, execution_id, execution_name, goes_on
from endpoints.weights.layout import SnapshotId
from lambdas.weights.joining import Staging, snapshot_id, start_or_join
from lambdas.weights.snapshot import Snapshot

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:adept-test-stager"
REPOSITORY, REVISION = "meta-llama/Llama-3.1-8B-Instruct", "0e9e39f249a16976918f6564b8830bc894c89659"
REQUEST: Mapping[str, object] = {"repository": REPOSITORY, "revision": REVISION, "files": None}


@dataclass
class Executions:
    """Step Functions, as far as starting and describing go: the statuses of attempts 1, 2, ... and what was started."""

    statuses: dict[str, str]
    started: list[str] = field(default_factory=list)
    unknown: int = 0  # so many looks at an execution come too early

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["name"]
        assert json.loads(arguments["input"]) == REQUEST
        if name in self.statuses:
            refused: Any = {"Error": {"Code": "ExecutionAlreadyExists"}}
            raise ClientError(refused, "StartExecution")
        self.started.append(name)
        machine = arguments["stateMachineArn"]
        return {"executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}"}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        if self.unknown:
            self.unknown -= 1
            refused: Any = {"Error": {"Code": "ExecutionDoesNotExist"}}
            raise ClientError(refused, "DescribeExecution")
        return {"status": self.statuses[arguments["executionArn"].rpartition(":")[2]]}


@dataclass(frozen=True)
class CommandLine(Stager):
    """The command line's side over these executions."""

    executions: Executions = field(default_factory=lambda: Executions({}))

    @property
    def states(self) -> Any:
        return self.executions


def _run_of_the_command_line(executions: Executions, is_staged: Callable[[], bool]) -> Execution | None:
    account = Account(boto3.Session("key", "secret", region_name="us-east-1"), "us-east-1")
    return CommandLine(account, MACHINE, executions).start_or_join(
        SnapshotId(REPOSITORY, REVISION), REQUEST, has_manifest=is_staged
    )


def _run_of_the_stager(executions: Executions, is_staged: Callable[[], bool]) -> Staging:
    snapshot = Snapshot.of(REPOSITORY, REVISION)
    return start_or_join(executions, MACHINE, snapshot, REQUEST, is_staged=is_staged)


def _by_the_command_line(executions: Executions, is_staged: Callable[[], bool]) -> str | None:
    found = _run_of_the_command_line(executions, is_staged)
    return None if found is None else found.arn


def _by_the_stager(executions: Executions, is_staged: Callable[[], bool]) -> str | None:
    return _run_of_the_stager(executions, is_staged).arn


# Statuses of the attempts that there were; whether a manifest lies there at first, and once somebody looked at an
# execution; the attempt that is waited for (None: it is staged), and whether it had to be started.
CASES: Sequence[tuple[list[str], bool, bool, int | None, bool]] = [
    ([], False, False, 1, True),
    ([], True, True, None, False),
    (["RUNNING"], False, False, 1, False),
    (["FAILED"], False, False, 2, True),
    (["TIMED_OUT"], False, False, 2, True),
    (["ABORTED"], False, False, 2, True),
    (["FAILED", "RUNNING"], False, False, 2, False),
    (["FAILED", "FAILED", "ABORTED"], False, False, 4, True),
    (["SUCCEEDED"], False, True, None, False),
    (["SUCCEEDED"], False, False, 2, True),  # it was removed since
    (["SUCCEEDED", "RUNNING"], False, False, 2, False),
    (["FAILED", "SUCCEEDED"], False, True, None, False),
    (["FAILED"], True, True, None, False),
]


@pytest.mark.parametrize("decide", [_by_the_command_line, _by_the_stager])
@pytest.mark.parametrize(("statuses", "at_first", "later", "attempt", "starts"), CASES)
def test_both_sides_decide_alike(
    decide: Callable[[Executions, Callable[[], bool]], str | None],
    statuses: list[str],
    at_first: bool,
    later: bool,
    attempt: int | None,
    starts: bool,
) -> None:
    names = [execution_name(SnapshotId(REPOSITORY, REVISION), number + 1) for number in range(len(statuses))]
    executions = Executions(dict(zip(names, statuses, strict=True)))
    manifests = iter([at_first])

    arn = decide(executions, lambda: next(manifests, later))

    expected = None if attempt is None else execution_name(SnapshotId(REPOSITORY, REVISION), attempt)
    assert (arn.rpartition(":")[2] if arn else None) == expected
    assert executions.started == ([expected] if starts else [])


@pytest.mark.parametrize(
    ("status", "joined", "is_staged", "expected"),
    [
        ("SUCCEEDED", True, False, True),  # it was started for other files
        ("SUCCEEDED", True, True, False),
        ("SUCCEEDED", False, False, False),  # one's own: the next would leave out the same
        ("SUCCEEDED", False, True, False),
        ("RUNNING", True, False, False),
        ("FAILED", True, False, False),  # its reason is told
        ("TIMED_OUT", True, False, False),
        ("ABORTED", True, False, False),
    ],
)
def test_both_sides_go_on_alike_after_a_run_that_has_ended(
    status: str, joined: bool, is_staged: bool, expected: bool
) -> None:
    assert goes_on(status, joined=joined, is_staged=is_staged) is expected
    assert Staging("arn", status, joined=joined).goes_on(is_staged=is_staged) is expected


@pytest.mark.parametrize("status", [None, "RUNNING"])
def test_both_sides_know_whether_they_have_joined(status: str | None) -> None:
    name = execution_name(SnapshotId(REPOSITORY, REVISION), 1)
    statuses = {} if status is None else {name: status}

    ours = _run_of_the_command_line(Executions(dict(statuses)), lambda: False)
    theirs = _run_of_the_stager(Executions(dict(statuses)), lambda: False)

    assert ours is not None
    assert ours.joined is theirs.joined is (status is not None)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, in seconds, that nobody had to sit through."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.mark.parametrize("decide", [_by_the_command_line, _by_the_stager])
def test_an_execution_that_step_functions_does_not_describe_yet_is_waited_for(
    decide: Callable[[Executions, Callable[[], bool]], str | None], waits: list[float]
) -> None:
    name = execution_name(SnapshotId(REPOSITORY, REVISION), 1)
    executions = Executions({name: "RUNNING"}, unknown=3)

    arn = decide(executions, lambda: False)

    assert str(arn).endswith(f":{name}")
    assert waits == list(UNKNOWN_WAITS_S[:3])


@pytest.mark.parametrize("decide", [_by_the_command_line, _by_the_stager])
def test_one_that_stays_unknown_is_an_error_in_the_end(
    decide: Callable[[Executions, Callable[[], bool]], str | None], waits: list[float]
) -> None:
    name = execution_name(SnapshotId(REPOSITORY, REVISION), 1)

    with pytest.raises((AdeptError, ClientError), match="ExecutionDoesNotExist"):
        decide(Executions({name: "RUNNING"}, unknown=1000), lambda: False)
    assert waits == list(UNKNOWN_WAITS_S)


@pytest.mark.parametrize("repository", [REPOSITORY, "a/b", "Qwen/Qwen2.5-7B-Instruct"])
def test_both_sides_name_executions_alike(repository: str) -> None:
    assert execution_id(SnapshotId(repository, REVISION)) == snapshot_id(Snapshot.of(repository, REVISION))
