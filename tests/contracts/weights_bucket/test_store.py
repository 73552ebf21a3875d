"""What the bucket holds, told from its objects and uploads; what is removed loses its manifest first."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.adapters import weights_store
from endpoints.adapters.models_in_use import models_in_use
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import RemoteError
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from tests.contracts.weights_bucket.conftest import Killed, WatchedAccount

ONE = SnapshotId("a/one", "1" * 40)
TWO = SnapshotId("a/two", "2" * 40)


def _staged(store: WeightsStore, snapshot: SnapshotId) -> Manifest:
    store.write(f"{snapshot.prefix}config.json", b"{}")
    files = [StagedFile(path="config.json", size_bytes=2, sha256="a" * 64)]
    manifest = Manifest.of(snapshot, files, staged_from="folder", staged_at="2026-11-26T12:00:00+00:00")
    store.write(f"{snapshot.staging_prefix}verified/config.json.json", b"{}")
    store.seal(manifest)
    return manifest


def _unfinished(store: WeightsStore, snapshot: SnapshotId) -> str:
    key = f"{snapshot.prefix}model.safetensors"
    upload_id = str(store.s3.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"])
    store.s3.upload_part(Bucket=store.bucket, Key=key, UploadId=upload_id, PartNumber=1, Body=b"x" * 9)
    store.write(f"{snapshot.staging_prefix}parts.json", b"[]")
    return upload_id


def _said(_message: str) -> None:
    """Progress is for people."""


def test_complete_and_unfinished_snapshots_are_told_apart(store: WeightsStore) -> None:
    manifest = _staged(store, ONE)
    upload_id = _unfinished(store, TWO)
    store.write("notes.txt", b"somebody's own")

    one, two = store.inventory(_said)

    assert (one.snapshot, one.manifest, one.size_bytes) == (ONE, manifest, 2)
    assert (two.snapshot, two.manifest) == (TWO, None)
    assert [upload.upload_id for upload in two.uploads] == [upload_id]
    assert (two.size_bytes, two.upload_bytes) == (2, 9)  # a note of two bytes, and a part


def test_removing_deletes_everything_of_that_snapshot_and_nothing_else(store: WeightsStore) -> None:
    _staged(store, ONE)
    _unfinished(store, TWO)
    store.write("notes.txt", b"somebody's own")
    one, two = store.inventory(_said)

    store.remove(two)

    assert [stored.snapshot for stored in store.inventory(_said)] == [ONE]
    store.remove(one)
    assert [stored["Key"] for stored in store.listed("")] == ["notes.txt"]
    assert store.uploads_of("") == []


def test_what_is_broken_off_while_it_is_removed_does_not_look_complete(
    store: WeightsStore, account: WatchedAccount
) -> None:
    _staged(store, ONE)
    (one,) = store.inventory(_said)
    account.requests.forget()
    account.requests.kill_at = 1

    with pytest.raises(Killed):
        store.remove(one)

    account.requests.forget()
    (left,) = store.inventory(_said)
    assert left.manifest is None
    assert left.keys == (f"{ONE.prefix}config.json",)
    store.remove(left)
    assert store.inventory(_said) == ()


def test_a_manifest_that_cannot_be_read_is_an_error_and_not_an_absence(store: WeightsStore) -> None:
    store.write(ONE.manifest_key, b"{}")

    with pytest.raises(RemoteError, match="is not a manifest"):
        store.inventory(_said)


def test_more_objects_than_one_request_takes_are_removed(
    store: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_store, "_DELETED_AT_ONCE", 2)
    keys = [f"{ONE.prefix}{number}.json" for number in range(5)]
    for key in keys:
        store.s3.put_object(Bucket=store.bucket, Key=key, Body=b"")

    store.delete_keys(keys)

    assert list(store.listed("")) == []


def test_the_models_of_the_account_name_what_they_load(store: WeightsStore, account: WatchedAccount) -> None:
    _model(account, "uses-one", {"ModelDataSource": _source(f"s3://{store.bucket}/{ONE.prefix}")})
    _model(account, "elsewhere", {"ModelDataSource": _source(f"s3://other/{TWO.prefix}")})
    _model(account, "without", {})

    assert models_in_use(account, store.bucket, _said) == {ONE: ("uses-one",)}


def _source(uri: str) -> dict[str, Any]:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}


def _model(account: WatchedAccount, name: str, container: dict[str, Any]) -> None:
    account.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/any",
        PrimaryContainer={"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/image:tag", **container},
    )
