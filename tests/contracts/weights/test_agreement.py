"""What the stager and the command line each have code of their own for is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from endpoints.adapters.stager import Stager
from endpoints.locks.files import SELECTION, is_selected
from endpoints.locks.paths import LONGEST_PATH, safe_path
from endpoints.weights.executions import execution_name
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile, read_manifest
from infra.stager_definition import FINAL_ERRORS
from lambdas.weights import errors, joining, manifest
from lambdas.weights.attempt import Attempt
from lambdas.weights.request import Selection
from lambdas.weights.snapshot import FileFacts, Snapshot, is_path

NAME, SHA = "acme/model", "a" * 40
OURS, THEIRS = Snapshot.of(NAME, SHA), SnapshotId(NAME, SHA)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:stager"
REQUEST = {"repository": NAME, "revision": SHA}


# Who stages what


@dataclass
class Machine:
    """Step Functions with these executions of the snapshot: status by attempt."""

    executions: dict[int, str] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        assert json.loads(arguments["input"]) == REQUEST
        attempt = int(arguments["name"].rpartition("-")[2])
        if attempt in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.started.append(attempt)
        return {"executionArn": _arn(attempt)}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        return {"status": self.executions[int(arguments["executionArn"].rpartition("-")[2])]}


@dataclass(frozen=True)
class OneClient:
    """An account whose every client is this one."""

    made: Machine
    endpoint_url: str | None = None

    def client(self, _service: str) -> Machine:
        return self.made


def _arn(attempt: int) -> str:
    return f"arn:aws:states:us-east-1:000000000000:execution:stager:{execution_name(THEIRS, attempt)}"


def _by_the_stager(machine: Machine, staged: bool) -> str | None:
    return joining.start_or_join(machine, MACHINE, OURS, REQUEST, is_staged=lambda: staged).arn


def _by_the_command_line(machine: Machine, staged: bool) -> str | None:
    account: Any = OneClient(machine)
    found = Stager(account, MACHINE).start_or_join(THEIRS, REQUEST, has_manifest=lambda: staged)
    return found.arn if found else None


@pytest.mark.parametrize("joined", [_by_the_stager, _by_the_command_line])
@pytest.mark.parametrize(
    ("executions", "staged", "arn", "started"),
    [
        ({}, False, _arn(1), [1]),
        ({}, True, None, []),
        ({1: "RUNNING"}, False, _arn(1), []),
        ({1: "PENDING_REDRIVE"}, False, _arn(1), []),
        ({1: "FAILED"}, False, _arn(2), [2]),
        ({1: "FAILED", 2: "TIMED_OUT", 3: "ABORTED"}, False, _arn(4), [4]),
        ({1: "FAILED", 2: "RUNNING"}, False, _arn(2), []),
        ({1: "SUCCEEDED"}, False, _arn(2), [2]),  # its snapshot was pruned
        ({1: "SUCCEEDED"}, True, None, []),
    ],
)
def test_a_copy_is_started_once_and_joined_afterwards(
    joined: Callable[[Machine, bool], str | None],
    executions: dict[int, str],
    staged: bool,
    arn: str | None,
    started: list[int],
) -> None:
    machine = Machine(executions)

    assert joined(machine, staged) == arn
    assert machine.started == started


def test_executions_have_one_name() -> None:
    assert execution_name(THEIRS, 7) == f"{joining.snapshot_id(OURS)}-7"


# What lies where


def test_a_snapshot_lies_in_one_place() -> None:
    assert (OURS.prefix, OURS.manifest_key, OURS.staging) == (
        THEIRS.prefix,
        THEIRS.manifest_key,
        THEIRS.staging_prefix,
    )
    name = execution_name(THEIRS, 7)
    assert Attempt(OURS, name).plan_key == THEIRS.plan_key(name)


@given(
    st.text(max_size=40) | st.sampled_from(["a" * LONGEST_PATH, "a" * (LONGEST_PATH + 1), "a/b", "a/../b"])
)
def test_the_same_paths_are_taken(path: str) -> None:
    try:
        taken = safe_path(path) == path and 0 < len(path) <= LONGEST_PATH
    except ValueError:
        taken = False

    assert is_path(path) == taken


@given(
    st.text("aA.-_/0", max_size=12).flatmap(
        lambda stem: st.sampled_from(
            [".safetensors", ".json", ".bin", ".bin.index.json", ".TXT", ".model", ""]
        ).map(lambda suffix: stem + suffix)
    )
    | st.sampled_from(["consolidated.00.safetensors", "training_args.json", "chat_template.jinja"])
)
def test_the_same_files_are_selected(path: str) -> None:
    selection = Selection.parse({name: list(patterns) for name, patterns in SELECTION.items()})

    assert selection.takes(path) == is_selected(path)


def test_each_reads_the_others_manifest() -> None:
    files = (FileFacts("a.json", 3, "d" * 64, "b" * 40), FileFacts("b.safetensors", 4, "e" * 64))
    raw = manifest.render(OURS, files, staged_from="https://huggingface.co", now=datetime.now(UTC))
    read = read_manifest(raw, "the stager's")

    assert [file.path for file in read.files] == ["a.json", "b.safetensors"]
    written = Manifest.of(
        THEIRS,
        [
            StagedFile(path=f.path, size_bytes=f.size_bytes, sha256=str(f.sha256), git_blob=f.git_blob)
            for f in files
        ],
        staged_from="folder",
        staged_at="2026-01-01T00:00:00+00:00",
    )
    assert manifest.Manifest.parse(written.to_json().encode()).files == {file.path: file for file in files}


# What is not tried again


def test_the_machine_repeats_no_error_that_the_worker_calls_final() -> None:
    assert set(FINAL_ERRORS) == errors.FINAL
