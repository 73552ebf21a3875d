"""Stacks are built from the environment's lock, and from nothing when the lock is missing or disagrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from endpoints.catalogue import Catalogue, load_catalogue
from endpoints.errors import LockError
from endpoints.locks import LOCAL_LOCK, Lock, LockedSnapshot, PinnedBy, StandIn, proposed, read_lock, render
from infra.environments import build_environment
from tests.infra.conftest import app_of, resources, synthesise

CATALOGUE = load_catalogue()
SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "d" * 64


def _build(environment: str, lock: Lock | None = None, catalogue: Catalogue | None = None) -> None:
    build_environment(app_of(environment), catalogue, lock)


def _changed(lock: Lock, **update: object) -> Lock:
    """Every candidate with the same change, and snapshots that follow a new commit."""
    candidates = [one.model_copy(update=update) for one in lock.candidates]
    snapshots = [
        LockedSnapshot(repository=one.weights, revision=one.revision, licence=None, gated=None)
        for one in candidates
    ]
    return Lock.of(lock.environment, snapshots, candidates)


def test_an_environment_without_a_lock_stops_the_synth_and_names_the_command() -> None:
    qa = CATALOGUE.environment("staging").model_copy(update={"name": "qa"})
    catalogue = CATALOGUE.model_copy(update={"environments": (*CATALOGUE.environments, qa)})

    with pytest.raises(LockError) as caught:
        _build("qa", catalogue=catalogue)

    assert "qa has no lock file" in caught.value.message
    assert caught.value.remedy == "Write it: adept lock --env qa"


def test_a_lock_that_disagrees_stops_the_synth_with_everything_that_differs() -> None:
    lock = _changed(read_lock("staging"), host_ami="another")

    with pytest.raises(LockError) as caught:
        _build("staging", lock)

    assert "10 disagreements between the lock of staging and the catalogue" in caught.value.message


def test_a_candidate_without_a_commit_stops_the_synth() -> None:
    lock = _changed(read_lock("production"), revision=None, pinned_by=PinnedBy.LOCK)

    with pytest.raises(LockError, match="only a sandbox may do without"):
        _build("production", lock)


def test_models_run_the_commit_and_the_digest_of_the_lock() -> None:
    lock = read_lock("staging")
    image = lock.candidates[0].image.model_copy(update={"digest": DIGEST})
    moved = _changed(lock, revision=SHA, pinned_by=PinnedBy.LOCK, image=image)

    template = synthesise("staging", lock=moved)["adept-staging-job-parsing"]

    containers = [
        model["Properties"]["PrimaryContainer"]
        for model in resources(template, "AWS::SageMaker::Model").values()
    ]
    assert len(containers) == 2
    for container in containers:
        assert f"/{SHA}/" in json.dumps(container["ModelDataSource"])
        assert f"/{image.repository}@{DIGEST}" in json.dumps(container["Image"])
        assert image.tag not in json.dumps(container["Image"])


def test_the_local_environment_is_built_from_the_lock_of_what_is_served_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = CATALOGUE.environment("local")
    stand_ins = {role: StandIn.named("local/my-model", SHA) for role in local.roles}
    served = tmp_path / "local.lock.yaml"
    served.write_text(render(proposed(CATALOGUE, local, stand_ins=stand_ins)))
    monkeypatch.setenv(LOCAL_LOCK, str(served))

    templates = synthesise("local")

    assert f"local/my-model/{SHA}/" in json.dumps(templates["adept-local-job-parsing"])


def test_the_lock_of_a_laptop_never_touches_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCAL_LOCK, str(tmp_path / "none.lock.yaml"))

    assert len(synthesise("sandbox")) == 8
