"""A plain `cdk deploy` of a lock that has moved to another gated snapshot: one that the token reads, and one not."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.local import daemon
from endpoints.local.hub import HubRepository, Origin
from endpoints.local.local_lock import locked_files
from endpoints.local.tiny_model import tiny_model
from endpoints.locks import LOCAL_LOCK, LockedSnapshot, StandIn, proposed, read_lock, render
from tests.e2e.conftest import GRANTED, TOKEN, System
from tests.support.hub import RunningHub
from tests.support.models import model_cache, sharded

pytestmark = pytest.mark.e2e
USE_CASE, OTHER_USE_CASE = "market-intelligence", "explanation-generation"
STACK = ENDPOINT = f"adept-local-{USE_CASE}"
CLOSED = "acme/closed"
OPTIONS = ("--exclusively", "--require-approval", "never", "-c", "environment=local")
PART_BYTES = load_catalogue().environment("local").staging.part_mib * 1024 * 1024
PADDED = "model-00001-of-00003.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The primary's stand-in once more, in three files of which one is larger than two parts."""
    model = tiny_model(model_cache(), seed=1)
    return sharded(model, tmp_path_factory.mktemp("sharded"), shards=3, padding_bytes=2 * PART_BYTES)


def _published(hub: RunningHub, name: str, folder: Path) -> LockedSnapshot:
    """On the Hub behind a gate, and as a lock records it."""
    revision = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    repository = HubRepository(name, {revision: folder}, gated="manual")
    hub.server.add(repository)
    files = locked_files(repository.files(revision))
    total_bytes = sum(file.size_bytes for file in files)
    return LockedSnapshot(
        repository=name, revision=revision, licence=None, gated=True, total_bytes=total_bytes, files=files
    )


@pytest.fixture(scope="module", autouse=True)
def as_it_was(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The stack is what the running lock says again, for the tests that follow."""
    yield
    done = system.cdk("deploy", STACK, *OPTIONS, "--output", str(tmp_path_factory.mktemp("as-it-was")))
    assert done.returncode == 0, done.stderr


def _deploy(system: System, primary: LockedSnapshot, work: Path) -> subprocess.CompletedProcess[str]:
    """One stack, synthesised and deployed by the CDK CLI alone, with a lock in which the primary is another one."""
    catalogue, running = load_catalogue(), read_lock("local", system.settings.lock_file)
    before = running.candidate(USE_CASE, CandidateRole.ALTERNATIVE)
    assert before is not None
    alternative = running.snapshot(before)
    assert alternative is not None
    stand_ins = {CandidateRole.PRIMARY: StandIn(primary), CandidateRole.ALTERNATIVE: StandIn(alternative)}
    lock = work / "local.lock.yaml"
    lock.write_text(render(proposed(catalogue, catalogue.environment("local"), stand_ins=stand_ins)))
    return system.cdk("deploy", STACK, *OPTIONS, "--output", str(work / "out"), env={LOCAL_LOCK: str(lock)})


def _answer(system: System, endpoint: str) -> str:
    body = json.dumps({"prompt": "A senior developer", "max_tokens": 20, "temperature": 0})
    said = system.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, TargetVariant="primary", ContentType="application/json", Body=body
    )
    return str(json.loads(said["Body"].read())["choices"][0]["text"])


def _staged(system: System, snapshot: LockedSnapshot) -> dict[str, bytes]:
    """What lies in the bucket of it, by path."""
    s3 = system.client("s3")
    resources = system.client("cloudformation").describe_stacks(StackName="adept-local-foundation")
    outputs = {one["OutputKey"]: one["OutputValue"] for one in resources["Stacks"][0]["Outputs"]}
    bucket, prefix = outputs["WeightsBucketName"], f"{snapshot.key}/"
    rows = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        row["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read()
        for row in rows
    }


def _content(files: Iterable[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files}


def test_many_files_some_of_several_parts_are_staged_and_exactly_these_bytes_serve(
    system: System, hub: RunningHub, folder: Path, tmp_path: Path
) -> None:
    snapshot = _published(hub, GRANTED, folder)
    hub.server.requests.clear()

    done = _deploy(system, snapshot, tmp_path)

    assert done.returncode == 0, done.stderr
    # Then the large file came in ranges, one for each part
    ranges = [request.headers.get("range") for request in hub.requests(Origin.CDN)]
    assert [f"bytes={first}-{first + PART_BYTES - 1}" in ranges for first in (0, PART_BYTES)] == [True, True]
    assert (folder / PADDED).stat().st_size > 2 * PART_BYTES
    # And the bucket has every byte, and so has what the model server loaded
    content = _content(folder.iterdir())
    assert len(content) == 8
    assert _staged(system, snapshot) == content
    arguments = system.model_server(GRANTED).cmdline()
    loaded = Path(json.loads(arguments[arguments.index("--source") + 1])["location"])
    assert loaded.is_relative_to(system.settings.snapshot_dir)
    assert _content(loaded.iterdir()) == content
    # And they answer: in the words of the same weights in one file, which another endpoint serves
    served = {server.model: server.serves for server in daemon.status(system.settings).model_servers}
    assert served[GRANTED] == (f"{ENDPOINT}/primary",)
    assert _answer(system, ENDPOINT) == _answer(system, f"adept-local-{OTHER_USE_CASE}") != ""


def test_a_gated_model_without_access_fails_the_deploy_with_the_page_to_click(
    system: System, hub: RunningHub, folder: Path, tmp_path: Path
) -> None:
    snapshot = _published(hub, CLOSED, folder)
    sagemaker = system.client("sagemaker")
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)

    done = _deploy(system, snapshot, tmp_path)

    # Then the command says why, and so does the stack
    said = (
        f"{CLOSED} is gated: open {hub.url}/{CLOSED} and accept the licence there as the owner of the token"
    )
    assert done.returncode != 0
    assert said in " ".join((done.stdout + done.stderr).split())
    assert TOKEN not in done.stdout + done.stderr
    assert [event for event in _events(system) if f"HubAccessDenied: {said}" in event]
    # And nothing has changed
    after = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == (
        "InService",
        before["EndpointConfigName"],
    )
    assert _staged(system, snapshot) == {}


def _events(system: System) -> list[str]:
    events: Any = system.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]
