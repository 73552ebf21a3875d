"""A step of an attempt that was stopped goes on beside the next attempt, which needs nobody's help to come through.

Which request of the one falls between which of the other's is drawn from a seed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from endpoints.local.hub import HubRepository
from lambdas.weights import parts
from lambdas.weights.attempt import Attempt
from lambdas.weights.cleaning import MOST_PLANS
from lambdas.weights.errors import DigestMismatch, StagingLost
from lambdas.weights.hub import Hub
from lambdas.weights.snapshot import Snapshot
from lambdas.weights.store import SnapshotStore
from lambdas.weights.token_source import TokenSource
from lambdas.weights.worker import Worker
from tests.contracts.weights.conftest import noise, published
from tests.contracts.weights.dying import PART_BYTES
from tests.contracts.weights.late import LateStep
from tests.contracts.weights.world import BUCKET, World

CONTENT = {
    "config.json": b'{"model_type": "llama"}\n',
    "model-00001-of-00002.safetensors": noise(9, 100_000),  # four parts
    "model-00002-of-00002.safetensors": noise(10, 64 * 1024),  # two parts to the byte
}
SEEDS = 10


class _NoSecret:
    def get_secret_value(self, **_arguments: object) -> dict[str, str]:
        return {"SecretString": ""}


class Stage:
    """One attempt, with a client of its own; `gate` is asked before each of its requests to S3."""

    def __init__(self, world: World, repository: HubRepository, number: int) -> None:
        self.request = world.request(repository)
        self.snapshot = Snapshot.parse(self.request)
        self.attempt = Attempt(self.snapshot, f"late-{number}")
        self.gate: Callable[..., None] = lambda **_event: None
        client = Session().create_client(
            "s3",
            endpoint_url=world.aws.settings.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.meta.events.register_last("before-send.s3", lambda **event: self.gate(**event))
        hub = Hub(world.hub.url, TokenSource(_NoSecret(), "none"), environment="test")
        self.worker = Worker(hub, SnapshotStore(client, BUCKET), PART_BYTES)

    def step(self, name: str, **event: object) -> dict[str, Any]:
        return self.worker.run({"step": name, "attempt": self.attempt.name, **event}, lambda: 60.0)

    def steps(self, chance: random.Random) -> list[Callable[[], object]]:
        """Plan, and answer every step that is left, in an order that the state machine may choose."""
        named = {"repository": self.snapshot.repository, "revision": self.snapshot.revision}
        planned = self.step("plan", request=self.request)
        left: list[Callable[[], object]] = []
        if planned["complete"]:
            return left
        for name, item, key in (("copy", "part", "parts_key"), ("finish", "file", "files_key")):
            found = self.worker.store.json(planned[key])
            chance.shuffle(found)
            left += [partial(self.step, name, snapshot=named, **{item: one}) for one in found]
        return [*left, partial(self.step, "seal", snapshot=named)]

    def run(self, chance: random.Random) -> int:
        """What the state machine does. How often it had to plan anew."""
        for plans in range(MOST_PLANS):
            try:
                for step in self.steps(chance):
                    step()
            except StagingLost:
                continue
            return plans
        raise AssertionError(f"{MOST_PLANS} plans have failed")

    def late(self, name: str, chance: random.Random) -> Callable[[], object]:
        """Do some steps, and answer the one that comes late."""
        if name == "plan":
            return lambda: self.step("plan", request=self.request)
        left = self.steps(chance)
        done = chance.randrange(len(left))
        for step in left[:done]:
            step()
        if name != "clean":
            return left[done]
        self.worker.store.record_failure(self.attempt, DigestMismatch("other bytes"))
        state = {**self.request, "failure": {"Error": "DigestMismatch", "Cause": "other bytes"}}
        return lambda: self.step("clean", state=state)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SMALLEST_PART_BYTES", PART_BYTES)


@pytest.mark.parametrize("late", ["clean", "plan", "any other"])
@pytest.mark.usefixtures("small_parts")
def test_the_next_attempt_comes_through_whatever_the_last_one_still_does(
    world: World, tmp_path: Path, late: str
) -> None:
    for path, body in CONTENT.items():
        (tmp_path / path).write_bytes(body)
    for seed in range(SEEDS):
        chance = random.Random(f"{late} {seed}")  # noqa: S311 -- repeatable
        repository = published(world, tmp_path)
        # Given an attempt that was stopped, one step of which goes on
        before, now = Stage(world, repository, 1), Stage(world, repository, 2)
        running = LateStep(before.late(late, chance))
        before.gate = running.gate
        with running:
            # When the next attempt is made meanwhile
            pace = chance.choice((0.08, 0.15, 0.2, 0.25, 0.3, 1.0))  # of its requests to one of ours
            now.gate = lambda **_event: running.advance(int(pace + chance.random()))  # noqa: B023 -- called within its own turn
            planned_anew = now.run(chance)
        # Then it comes through, and by its first plan where the late step cleans up
        assert (late != "clean") or not planned_anew, f"seed {seed}"
        # And every byte is there, proved, and nothing else is left once somebody looks again
        assert world.snapshot(repository) == CONTENT, f"seed {seed}"
        manifest = world.manifest(repository)
        assert manifest is not None
        assert {file["path"]: file["sha256"] for file in manifest["files"]} == {
            path: hashlib.sha256(body).hexdigest() for path, body in CONTENT.items()
        }
        assert Stage(world, repository, 3).steps(chance) == []
        assert world.leftovers(repository) == [], f"seed {seed}"


@pytest.mark.usefixtures("small_parts")
def test_a_seal_that_comes_late_takes_no_file_out_of_the_manifest(world: World, tmp_path: Path) -> None:
    # Given an attempt for one file that was stopped while it sealed, just before it writes
    for path, body in CONTENT.items():
        (tmp_path / path).write_bytes(body)
    repository, chance = published(world, tmp_path), random.Random(0)  # noqa: S311 -- repeatable
    before, now = Stage(world, repository, 1), Stage(world, repository, 2)
    sha256 = hashlib.sha256(CONTENT["config.json"]).hexdigest()
    recorded = {"path": "config.json", "size_bytes": len(CONTENT["config.json"]), "sha256": sha256}
    before.request = {**before.request, "files": [recorded]}
    *steps, seal = before.steps(chance)
    for step in steps:
        step()

    def overtake(request: Any, **_event: object) -> None:
        if request.method == "PUT" and "/_manifests/" in request.url:
            before.gate = lambda **_event: None
            now.run(chance)

    before.gate = overtake
    # When the next attempt has sealed all of them by then
    with pytest.raises(StagingLost):
        seal()
    # Then that is the manifest
    manifest = world.manifest(repository)
    assert manifest is not None
    assert {file["path"] for file in manifest["files"]} == set(CONTENT)
