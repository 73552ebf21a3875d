"""Staging from a folder: a manifest names only what lies there as it was proved."""

from __future__ import annotations

from pathlib import Path

from endpoints.adapters.snapshot_sources import Folder
from endpoints.adapters.source_staging import SourcedSnapshot, stage_from_source
from endpoints.adapters.weights_store import WeightsStore
from endpoints.weights.layout import SnapshotId
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
