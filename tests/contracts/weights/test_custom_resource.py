"""CloudFormation waits for a snapshot: success only with a manifest, the reason where there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.local.hub import HubFault, HubRepository
from endpoints.weights.digests import git_blob_id
from lambdas.weights.joining import start_or_join
from lambdas.weights.snapshot import Snapshot
from tests.contracts.ministack.stacks import Stack
from tests.contracts.weights.conftest import published
from tests.contracts.weights.world import BUCKET, World, files_of
from tests.support.waiting import eventually

RESOURCE = "Snapshot"


@pytest.fixture
def stack(world: World, repository: HubRepository) -> Stack:
    return Stack(world.aws, repository.repo_id.replace("/", "-"))


@pytest.fixture
def failing_waiters_are_answered_for(deployed: World) -> Iterator[None]:
    """The rule that the stager's construct makes."""
    events, rule = deployed.client("events"), "waiter-failed"
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [deployed.arns["waiter"]],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "answer", "Arn": deployed.arns["resource"]}])
    yield
    events.remove_targets(Rule=rule, Ids=["answer"])
    events.delete_rule(Name=rule)


def _template(world: World, repository: HubRepository, **properties: object) -> str:
    asked = world.request(repository)
    named = {
        "ServiceToken": world.arns["resource"],
        "ServiceTimeout": 60,
        "Repository": asked["repository"],
        "Revision": asked["revision"],
        "Select": json.dumps(asked["select"]),
        **properties,
    }
    resource = {"Type": "Custom::AdeptStagedSnapshot", "Properties": named}
    return json.dumps({"Resources": {RESOURCE: resource}, "Outputs": {"Id": {"Value": {"Ref": RESOURCE}}}})


def test_a_stack_is_complete_once_its_snapshot_is_staged(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    assert stack.create(_template(world, repository)) == "CREATE_COMPLETE"

    assert world.manifest(repository) is not None
    assert world.snapshot(repository) == files_of(repository)
    assert stack.outputs() == {"Id": f"{repository.repo_id}@{repository.commit('main')}"}


def test_a_staged_snapshot_needs_neither_the_hub_nor_a_waiter(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    world.stage(repository)
    world.hub.server.requests.clear()
    before = _executions(world)

    assert stack.create(_template(world, repository)) == "CREATE_COMPLETE"
    # An update that is about something else is as quick.
    assert stack.update(_template(world, repository, Select='{"include": ["*"]}')) == "UPDATE_COMPLETE"
    assert world.hub.requests() == []
    assert _executions(world) == before


def test_deleting_deletes_nothing(world: World, repository: HubRepository, stack: Stack) -> None:
    stack.create(_template(world, repository))
    stack.delete()

    assert world.manifest(repository) is not None
    assert world.snapshot(repository) == files_of(repository)


def test_the_reason_of_a_failure_reaches_whoever_deploys(world: World, folder: Path) -> None:
    repository = published(world, folder, gated="manual")
    stack = Stack(world.aws, repository.repo_id.replace("/", "-"))

    assert stack.create(_template(world, repository)) == "ROLLBACK_COMPLETE"

    (reason,) = stack.reasons(RESOURCE)
    assert f"HubAccessDenied: {repository.repo_id} is gated: open {world.hub.url}/" in reason
    assert "adept token set --env test" in reason


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"Revision": "main"}, "40 lower-case hex digits"),
        ({"Files": "[{]"}, "Files: not valid JSON"),
        ({"Repository": "../_manifests"}, "no repository of the Hub"),
    ],
)
def test_properties_that_make_no_sense_are_told_at_once(
    world: World, repository: HubRepository, stack: Stack, properties: dict[str, object], said: str
) -> None:
    assert stack.create(_template(world, repository, **properties)) == "ROLLBACK_COMPLETE"

    assert said in stack.reasons(RESOURCE)[0]


def test_a_manifest_without_what_the_lock_records_is_not_success(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    world.stage(repository)
    files = [{"path": "config.json", "size_bytes": 1, "git_blob": "0" * 40}]

    assert stack.create(_template(world, repository, Files=json.dumps(files))) == "ROLLBACK_COMPLETE"
    assert "HubFileChanged" in stack.reasons(RESOURCE)[0]


def test_a_stage_whose_manifest_was_removed_is_staged_again(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    stack.create(_template(world, repository))
    key = f"_manifests/{repository.repo_id}/{repository.commit('main')}.json"
    world.client("s3").delete_object(Bucket=BUCKET, Key=key)

    assert stack.update(_template(world, repository, Select='{"include": ["*.json"]}')) == "UPDATE_COMPLETE"
    assert world.manifest(repository) is not None


def test_after_a_joined_run_that_was_started_for_fewer_files_the_next_one_copies_the_rest(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    # Given a run for one file, and a Hub that takes its time
    world.hub.fail(HubFault(path="/api/*", delay_s=1))
    content = files_of(repository)
    listed: list[dict[str, Any]] = [
        {"path": path, "size_bytes": len(body), "git_blob": git_blob_id(body)}
        for path, body in content.items()
        if not path.endswith(".safetensors")
    ]
    snapshot = Snapshot.of(repository.repo_id, str(repository.commit("main")))
    start_or_join(
        world.client("stepfunctions"),
        world.arns["stager"],
        snapshot,
        {**world.request(repository), "files": listed[:1]},
        is_staged=lambda: False,
    )

    # When somebody deploys what needs all of them, then that waits for both runs
    assert stack.create(_template(world, repository, Files=json.dumps(listed))) == "CREATE_COMPLETE"
    staged = world.manifest(repository)
    assert staged is not None
    assert [file["path"] for file in staged["files"]] == sorted(file["path"] for file in listed)


@pytest.mark.usefixtures("failing_waiters_are_answered_for")
def test_a_waiter_that_somebody_stops_still_answers(
    world: World, repository: HubRepository, stack: Stack
) -> None:
    world.hub.fail(HubFault(path="/api/*", delay_s=8))
    ended: list[str] = []
    before = _executions(world)
    deploying = threading.Thread(target=lambda: ended.append(stack.create(_template(world, repository))))
    deploying.start()
    eventually(lambda: _executions(world) - before, what="the waiter")
    (waiter,) = _executions(world) - before
    world.client("stepfunctions").stop_execution(executionArn=waiter)
    deploying.join(30)

    assert ended == ["ROLLBACK_COMPLETE"]
    assert stack.reasons(RESOURCE) == ["Waiting for the snapshot ended (ABORTED); deploy again to go on"]


def test_two_stacks_that_need_one_snapshot_wait_for_one_copy(world: World, repository: HubRepository) -> None:
    world.hub.fail(HubFault(path="/api/*", delay_s=1))
    stacks = [Stack(world.aws, f"{repository.repo_id.replace('/', '-')}-{number}") for number in range(3)]
    ended: list[str] = []
    threads = [
        threading.Thread(target=lambda stack=stack: ended.append(stack.create(_template(world, repository))))
        for stack in stacks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert ended == ["CREATE_COMPLETE"] * 3
    assert len([request for request in world.hub.requests() if request.path.startswith("/api/models")]) == 1


def _executions(world: World) -> set[str]:
    listed: Any = world.client("stepfunctions").list_executions(stateMachineArn=world.arns["waiter"])
    return {execution["executionArn"] for execution in listed["executions"]}
