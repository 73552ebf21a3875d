"""`adept verify` looks whether what the running models load is still in the bucket."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from endpoints.adapters.account_clients import Account
from endpoints.adapters.weights_store import WeightsStore
from endpoints.commands import verify
from endpoints.findings import Finding, Severity
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from tests.unit.verify import world

SNAPSHOT = SnapshotId("a/model", "1" * 40)
FILES = ("config.json", "model.safetensors")


@pytest.fixture
def staged(store: WeightsStore, monkeypatch: pytest.MonkeyPatch) -> WeightsStore:
    """A whole snapshot, and `adept verify` in its account."""
    monkeypatch.setattr(verify, "aws_of", lambda _: store.account)
    for name in FILES:
        store.write(f"{SNAPSHOT.prefix}{name}", b"{}")
    files = [StagedFile(path=name, size_bytes=2, sha256="a" * 64) for name in FILES]
    store.seal(Manifest.of(SNAPSHOT, files, staged_from="folder", staged_at="2026-11-26T12:00:00+00:00"))
    return store


def _found(bucket: str) -> list[Finding]:
    """About the weights, while the primary of an endpoint loads the snapshot and its alternative something else."""
    data = f"s3://{bucket}/{SNAPSHOT.prefix}"
    live = world.endpoint(variants=(world.variant("primary", model_data=data), world.variant("alternative")))
    reader: Any = SimpleNamespace(read=lambda _: world.account(live=live))
    templates = {world.STACK: world.template(), world.FOUNDATION: {"Resources": {}}}
    found = verify.verified("staging", templates, reader)
    return [finding for finding in found if finding.check == "weights"]


def test_of_a_whole_snapshot_nothing_is_said(staged: WeightsStore) -> None:
    assert _found(staged.bucket) == []


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ([f"{SNAPSHOT.prefix}{FILES[1]}"], "model.safetensors is gone"),
        ([f"{SNAPSHOT.prefix}{name}" for name in FILES], "config.json is gone, and 1 more"),
        ([SNAPSHOT.manifest_key], "its manifest is gone"),
        ([SNAPSHOT.manifest_key, *(f"{SNAPSHOT.prefix}{name}" for name in FILES)], "nothing is there"),
    ],
)
def test_a_model_that_could_not_be_loaded_again_is_a_blocker(
    staged: WeightsStore, removed: list[str], said: str
) -> None:
    staged.delete_keys(removed)
    (finding,) = _found(staged.bucket)

    assert finding.severity is Severity.BLOCKER
    assert finding.where == f"{world.ENDPOINT}/primary"
    assert said in finding.found
    assert "adept stage --env staging" in (finding.remedy or "")


def test_a_file_of_another_size_and_a_bucket_that_is_gone_are_blockers_too(staged: WeightsStore) -> None:
    staged.write(f"{SNAPSHOT.prefix}{FILES[0]}", b"longer")
    assert "config.json has another size" in _found(staged.bucket)[0].found
    assert "there is no such bucket" in _found("no-bucket-of-that-name")[0].found


def test_what_s3_does_not_show_is_not_taken_for_checked(
    staged: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Account(staged.account.session, staged.account.region, "http://127.0.0.1:9")
    monkeypatch.setattr(verify, "aws_of", lambda _: nowhere)
    (finding,) = _found(staged.bucket)

    assert finding.severity is Severity.WARNING
    assert "could not be looked at" in finding.found
