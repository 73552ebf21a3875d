"""Locks to test with: the committed ones, copies to be spoilt, and small parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from endpoints.catalogue import CandidateRole, Fault, load_catalogue
from endpoints.locks import InvalidLockError, Lock, LockedCandidate, LockedFile, read_lock, render

CATALOGUE = load_catalogue()
ENVIRONMENTS = [environment.name for environment in CATALOGUE.environments]
PRIMARY, ALTERNATIVE = CandidateRole.PRIMARY, CandidateRole.ALTERNATIVE
SHA = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = LockedFile(path="model.safetensors", size_bytes=900, sha256="a" * 64)
CONFIG = LockedFile(path="config.json", size_bytes=100, git_blob="b" * 40)


class SpoiltLock:
    """A copy of the lock of staging, to be spoilt as YAML."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "staging.lock.yaml"
        self.path.write_text(render(read_lock("staging")))

    def edit(self, change: Callable[[Any], None]) -> None:
        document = yaml.load(self.path.read_text(), Loader=yaml.CSafeLoader)
        change(document)
        self.path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))

    def faults(self) -> list[Fault]:
        with pytest.raises(InvalidLockError) as caught:
            read_lock("staging", self.path)
        assert all(str(fault) in str(caught.value) for fault in caught.value.faults)
        return list(caught.value.faults)


def with_candidate(lock: Lock, use_case: str, role: CandidateRole, **update: Any) -> Lock:
    """The same lock with other values in one candidate; its snapshots follow a new commit."""
    candidates = [
        one.model_copy(update=update) if one.place == (use_case, role) else one for one in lock.candidates
    ]
    snapshots = [*lock.snapshots, *(_following(lock, one) for one in candidates)]
    return Lock.of(lock.environment, snapshots, candidates)


def with_files(lock: Lock, repository: str) -> Lock:
    """The same lock with two files recorded in each snapshot of a repository."""
    snapshots = [
        one.model_copy(update={"files": (CONFIG, WEIGHTS), "total_bytes": 1000})
        if one.repository == repository
        else one
        for one in lock.snapshots
    ]
    return Lock.of(lock.environment, snapshots, lock.candidates)


def _following(lock: Lock, candidate: LockedCandidate) -> Any:
    known = lock.snapshot(candidate)
    like = lock.snapshots[0]
    return known or like.model_copy(
        update={
            "repository": candidate.weights,
            "revision": candidate.revision,
            "files": None,
            "total_bytes": None,
        }
    )
