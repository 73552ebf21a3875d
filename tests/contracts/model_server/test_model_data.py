"""What a model's S3Uri names, on this machine's disk: complete and proved, or not at all."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import ModelDataFailed
from endpoints.local.settings import LocalSettings
from endpoints.local.snapshots import StagedSnapshots
from endpoints.weights.layout import SnapshotId
from tests.contracts.ministack.running import Running, embedded_aws
from tests.support.staging import new_bucket, stage

CONTENT = {
    "config.json": b"{}",
    "model.safetensors": random.Random(1).randbytes(300_000),  # noqa: S311 -- repeatable bytes
    "tokenizer.json": b"",
}
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def store(aws: Running) -> WeightsStore:
    return new_bucket(aws.settings, "weights")


@pytest.fixture
def snapshot() -> SnapshotId:
    """One that no other test has staged."""
    return SnapshotId("acme/model", f"{next(_NUMBERS):040x}")


@pytest.fixture
def settings(aws: Running, tmp_path: Path) -> LocalSettings:
    """The embedded AWS, with another home for what is downloaded."""
    return dataclasses.replace(aws.settings, home=tmp_path)


@pytest.fixture
def snapshots(settings: LocalSettings) -> StagedSnapshots:
    return StagedSnapshots(settings)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_staged_snapshot_arrives_byte_for_byte(
    store: WeightsStore, snapshot: SnapshotId, snapshots: StagedSnapshots
) -> None:
    found = snapshots.fetch(stage(store, snapshot, CONTENT))
    assert found.id == snapshot
    assert content_of(found.folder) == CONTENT


def test_a_file_of_many_ranges_arrives_in_order(
    store: WeightsStore, snapshot: SnapshotId, snapshots: StagedSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endpoints.local.snapshots.RANGE_BYTES", 70_000)
    assert content_of(snapshots.fetch(stage(store, snapshot, CONTENT)).folder) == CONTENT


def test_the_embedded_s3_cuts_ranges_as_s3_does(store: WeightsStore, snapshot: SnapshotId) -> None:
    stage(store, snapshot, CONTENT)
    data, key = CONTENT["model.safetensors"], f"{snapshot.prefix}model.safetensors"
    for wanted, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=299990-400000", 299_990, 299_999),
        ("bytes=-5", 299_995, 299_999),
        ("bytes=299999-", 299_999, 299_999),
    ):
        answer = store.s3.get_object(Bucket=store.bucket, Key=key, Range=wanted)
        assert answer["Body"].read() == data[first : last + 1]
        assert answer["ContentRange"] == f"bytes {first}-{last}/{len(data)}"
    with pytest.raises(ClientError, match="InvalidRange"):
        store.s3.get_object(Bucket=store.bucket, Key=key, Range="bytes=300000-300001")


def test_many_containers_wait_for_one_download_and_the_next_run_uses_it(
    store: WeightsStore,
    snapshot: SnapshotId,
    snapshots: StagedSnapshots,
    settings: LocalSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "endpoints.local.snapshots")
    url = stage(store, snapshot, CONTENT)
    with ThreadPoolExecutor(8) as pool:
        folders = {found.folder for found in pool.map(snapshots.fetch, [url] * 8)}
    assert folders == {StagedSnapshots(settings).fetch(url).folder}
    assert len([record for record in caplog.records if "downloaded" in record.message]) == 1


def test_a_snapshot_that_was_staged_anew_is_downloaded_anew(
    store: WeightsStore, snapshot: SnapshotId, snapshots: StagedSnapshots
) -> None:
    url = stage(store, snapshot, CONTENT)
    snapshots.fetch(url)
    changed = {**CONTENT, "config.json": b'{"changed": true}'}
    stage(store, snapshot, changed)
    assert content_of(snapshots.fetch(url).folder) == changed


def test_without_its_manifest_a_snapshot_is_not_usable_even_if_it_is_here(
    store: WeightsStore, snapshot: SnapshotId, snapshots: StagedSnapshots
) -> None:
    url = stage(store, snapshot, CONTENT)
    snapshots.fetch(url)
    store.delete_keys([snapshot.manifest_key])
    with pytest.raises(ModelDataFailed, match=r"There is no s3://weights/_manifests/acme/model/\w+\.json"):
        snapshots.fetch(url)


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        ({"model.safetensors": None}, "the specified key does not exist"),
        ({"model.safetensors": CONTENT["model.safetensors"][:-1]}, "299,999 bytes of 300,000"),
        ({"model.safetensors": b"\0" + CONTENT["model.safetensors"][1:]}, "is not what its manifest says"),
    ],
)
def test_an_incomplete_or_damaged_snapshot_fails_in_sagemakers_words_and_leaves_nothing(
    store: WeightsStore,
    snapshot: SnapshotId,
    snapshots: StagedSnapshots,
    settings: LocalSettings,
    harm: dict[str, bytes | None],
    cause: str,
) -> None:
    url = stage(store, snapshot, CONTENT)
    for name, data in harm.items():
        if data is None:
            store.delete_keys([snapshot.prefix + name])
        else:
            store.s3.put_object(Bucket=store.bucket, Key=snapshot.prefix + name, Body=data)
    with pytest.raises(ModelDataFailed) as failed:
        snapshots.fetch(url)
    words = f'Failed to download model data for container "container_1" from URL: "{url}". Please ensure'
    assert failed.value.message.startswith(words)
    assert cause.lower() in failed.value.message.lower()
    assert [path for path in settings.snapshot_dir.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "url",
    ["s3://weights/acme/model/", "s3://weights/acme/model/main/", "s3://weights/", "https://weights/x"],
)
def test_what_names_no_commit_is_not_served(snapshots: StagedSnapshots, url: str) -> None:
    with pytest.raises(ModelDataFailed, match="not the prefix of a snapshot"):
        snapshots.fetch(url)


def test_a_bucket_that_does_not_exist_is_named(snapshots: StagedSnapshots, snapshot: SnapshotId) -> None:
    with pytest.raises(ModelDataFailed, match="elsewhere"):
        snapshots.fetch(f"s3://elsewhere/{snapshot.prefix}")


def test_what_nobody_uses_any_more_is_removed(
    store: WeightsStore, snapshot: SnapshotId, snapshots: StagedSnapshots, settings: LocalSettings
) -> None:
    snapshots.forget(snapshots.fetch(stage(store, snapshot, CONTENT)))
    assert [path for path in settings.snapshot_dir.rglob("*") if path.is_file()] == []
