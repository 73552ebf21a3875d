"""Staging from a folder: a manifest names only what lies there as it was proved."""

from __future__ import annotations

import hashlib
from pathlib import Path

from endpoints.adapters.snapshot_sources import Folder
from endpoints.adapters.source_staging import SourcedSnapshot, stage_from_source
from endpoints.adapters.weights_store import WeightsStore
from endpoints.locks import LockedFile
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from endpoints.weights.outcomes import Status
from endpoints.weights.sources import wanted_files
from tests.contracts.weights_bucket.conftest import WatchedAccount

SNAPSHOT = SnapshotId("some/model", "0e9e39f249a16976918f6564b8830bc894c89659")
CONFIG, WEIGHTS = b"{}", b"weights"


class Interfering:
    """Hears how far it is, and replaces the configuration as soon as that was proved and marked."""

    def __init__(self, account: WatchedAccount, bucket: str) -> None:
        self._s3 = account.client("s3")
        self._bucket = bucket

    def set(self, *_: object, **__: object) -> None:
        raise AssertionError("only bytes are added")

    def add(self, _: str, size_bytes: int) -> None:
        if size_bytes == len(CONFIG):
            self._s3.put_object(Bucket=self._bucket, Key=f"{SNAPSHOT.prefix}config.json", Body=b"[]")


class Counting:
    """Hears how far it is."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def set(self, *_: object, **__: object) -> None:
        raise AssertionError("only bytes are added")

    def add(self, _: str, size_bytes: int) -> None:
        self.size_bytes += size_bytes


def test_a_sealed_snapshot_is_extended_by_what_it_lacks_and_keeps_the_rest(
    store: WeightsStore, account: WatchedAccount, tmp_path: Path
) -> None:
    # given a sealed snapshot of two files, of which the lock names one, and one more
    kept = [_staged("config.json", CONFIG), _staged("notes.txt", b"more")]
    for name, body in (("config.json", CONFIG), ("notes.txt", b"more")):
        store.write(f"{SNAPSHOT.prefix}{name}", body)
    store.seal(Manifest.of(SNAPSHOT, kept, staged_from="https://huggingface.co", staged_at="then"))
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    source = Folder(tmp_path).source_of(SNAPSHOT, alone=True)
    assert source is not None
    lock = [
        LockedFile(path="config.json", size_bytes=len(CONFIG), sha256=_sha256(CONFIG)),
        LockedFile(path="model.safetensors", size_bytes=len(WEIGHTS), sha256=_sha256(WEIGHTS)),
    ]
    wanted = SourcedSnapshot(SNAPSHOT, source, wanted_files(source.sizes(), lock, "there"), proved=True)
    account.requests.forget()
    counting = Counting()

    # when
    outcome = stage_from_source(store, wanted, counting)

    # then one file was sent, with its mark and the manifest, and the manifest has all three
    assert outcome.status is Status.STAGED
    assert account.requests.count("PutObject") == 3
    manifest = store.manifest(SNAPSHOT)
    assert manifest is not None
    assert list(manifest.files) == [kept[0], _staged("model.safetensors", WEIGHTS), kept[1]]
    assert (outcome.files, outcome.size_bytes) == (3, len(CONFIG) + len(WEIGHTS) + len(b"more"))
    assert counting.size_bytes == wanted.size_bytes


def test_what_somebody_sealed_meanwhile_stays_in_the_manifest(store: WeightsStore, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    source = Folder(tmp_path).source_of(SNAPSHOT, alone=True)
    assert source is not None
    files = wanted_files(source.sizes(), None, "there")
    other = _staged("notes.txt", b"more")

    class Sealing(Counting):
        """Somebody seals another file of the snapshot as soon as everything of ours is there."""

        def add(self, name: str, size_bytes: int) -> None:
            super().add(name, size_bytes)
            if self.size_bytes == len(CONFIG) + len(WEIGHTS):
                written = Manifest.of(SNAPSHOT, [other], staged_from="there", staged_at="then")
                store.write(SNAPSHOT.manifest_key, written.to_json().encode())

    outcome = stage_from_source(store, SourcedSnapshot(SNAPSHOT, source, files, proved=False), Sealing())

    manifest = store.manifest(SNAPSHOT)
    assert manifest is not None
    assert outcome.is_staged
    assert other in manifest.files
    assert len(manifest.files) == 3


def _staged(path: str, body: bytes) -> StagedFile:
    return StagedFile(path=path, size_bytes=len(body), sha256=_sha256(body))


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_an_object_that_was_replaced_after_its_proof_gets_no_manifest(
    store: WeightsStore, account: WatchedAccount, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    source = Folder(tmp_path).source_of(SNAPSHOT, alone=True)
    assert source is not None
    wanted = SourcedSnapshot(SNAPSHOT, source, wanted_files(source.sizes(), None, "there"), proved=False)

    outcome = stage_from_source(store, wanted, Interfering(account, store.bucket))

    assert outcome.status is Status.FAILED
    assert "somebody else has replaced config.json" in str(outcome.message)
    assert store.manifest(SNAPSHOT) is None
