"""A snapshot on its way from a folder or another bucket: nothing is visible unproved, nothing is sent twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from endpoints.adapters.snapshot_sources import BucketPrefix, Folder, SnapshotSource
from endpoints.adapters.snapshot_upload import SnapshotUpload
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import StagingError
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest
from endpoints.weights.sources import WantedFile, wanted_files
from tests.contracts.weights_bucket.conftest import Killed, WatchedAccount
from tests.support.staging import stage

SNAPSHOT = SnapshotId("some/model", "0e9e39f249a16976918f6564b8830bc894c89659")
PART = 5 * 1024 * 1024  # S3's smallest


def _noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 -- repeatable bytes, nothing secret


CONTENTS: Mapping[str, bytes] = {
    "config.json": b'{"architectures": ["X"]}',
    "empty.txt": b"",
    "model-00001-of-00002.safetensors": _noise(1, 2 * PART + 123),
    "model-00002-of-00002.safetensors": _noise(2, PART + 1),
}
SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One model's folder."""
    for name, data in CONTENTS.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def _locked() -> list[WantedFile]:
    """As a lock names them: weights by SHA-256, what lies in git by git's id."""
    return [
        WantedFile(
            name,
            len(data),
            sha256=hashlib.sha256(data).hexdigest() if name.endswith(".safetensors") else None,
            git_blob=None if name.endswith(".safetensors") else _git_blob(data),
        )
        for name, data in CONTENTS.items()
    ]


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _source(folder: Path) -> SnapshotSource:
    source = Folder(folder).source_of(SNAPSHOT, alone=True)
    assert source is not None
    return source


def _upload(store: WeightsStore, source: SnapshotSource, said: list[int] | None = None) -> SnapshotUpload:
    heard: list[int] = [] if said is None else said
    return SnapshotUpload(store, SNAPSHOT, source, heard.append, part_bytes=PART)


def _visible(store: WeightsStore) -> dict[str, bytes]:
    """What the snapshot's prefix shows."""
    keys = [str(one["Key"]) for one in store.listed(SNAPSHOT.prefix)]
    return {key.removeprefix(SNAPSHOT.prefix): store.read(key) or b"" for key in keys}


def test_every_byte_arrives_and_its_digests_are_proved(store: WeightsStore, folder: Path) -> None:
    said: list[int] = []
    files = _upload(store, _source(folder), said).run(_locked())

    assert _visible(store) == CONTENTS
    assert {file.path: file.sha256 for file in files} == {
        name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()
    }
    assert {file.path: file.git_blob for file in files} == {w.path: w.git_blob for w in _locked()}
    assert sum(said) == sum(len(data) for data in CONTENTS.values())


def test_sealing_leaves_the_manifest_and_no_work_in_progress(store: WeightsStore, folder: Path) -> None:
    files = _upload(store, _source(folder)).run(_locked())
    manifest = Manifest.of(SNAPSHOT, files, staged_from="folder", staged_at="2026-11-26T12:00:00+00:00")
    store.seal(manifest)

    assert store.manifest(SNAPSHOT) == manifest
    assert not list(store.listed("_staging/"))
    assert not list(store.open_uploads(SNAPSHOT.prefix))


@pytest.mark.parametrize("name", [SHARD, "config.json"])
def test_a_flipped_byte_never_becomes_visible(store: WeightsStore, folder: Path, name: str) -> None:
    damaged = bytearray(CONTENTS[name])
    damaged[len(damaged) // 2] ^= 1
    (folder / name).write_bytes(damaged)

    with pytest.raises(StagingError, match="same size and other content"):
        _upload(store, _source(folder)).run(_locked())

    assert name not in _visible(store)
    assert not [upload for upload in store.open_uploads(SNAPSHOT.prefix) if upload.key.endswith(name)]


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_any_request_and_run_again_nothing_is_lost_and_nothing_is_wrong(
    store: WeightsStore, account: WatchedAccount, folder: Path, seed: int
) -> None:
    chance, kills = random.Random(seed), 0  # noqa: S311 -- repeatable, nothing secret
    while True:
        account.requests.sent.clear()
        account.requests.kill_at = chance.randrange(1, 12 if kills == 0 else 30) if kills < 4 else None
        try:
            _upload(store, _source(folder)).run(_locked())
            break
        except Killed:
            kills += 1
        finally:
            account.requests.kill_at = None
        for name, data in _visible(store).items():
            assert data == CONTENTS[name]

    assert _visible(store) == CONTENTS
    assert kills > 0


def test_parts_that_are_there_are_not_sent_again(
    store: WeightsStore, account: WatchedAccount, folder: Path
) -> None:
    # given a copy of one large file that ended before it was completed
    shard = [wanted for wanted in _locked() if wanted.path == SHARD]
    account.requests.kill_before = "CompleteMultipartUpload"
    with pytest.raises(Killed):
        _upload(store, _source(folder)).run(shard)
    assert account.requests.count("UploadPart") == 3

    # when
    account.requests.forget()
    _upload(store, _source(folder)).run(shard)

    # then
    assert account.requests.count("UploadPart") == 0
    assert account.requests.count("CompleteMultipartUpload") == 1


def test_a_part_that_is_there_but_of_other_bytes_is_sent_again(
    store: WeightsStore, account: WatchedAccount, folder: Path
) -> None:
    # given parts of a damaged download
    shard = [wanted for wanted in _locked() if wanted.path == SHARD]
    (folder / SHARD).write_bytes(b"x" + CONTENTS[SHARD][1:])
    account.requests.kill_before = "AbortMultipartUpload"
    with pytest.raises(Killed):
        _upload(store, _source(folder)).run(shard)

    # when it was downloaded again
    account.requests.forget()
    (folder / SHARD).write_bytes(CONTENTS[SHARD])
    _upload(store, _source(folder)).run(shard)

    assert account.requests.count("UploadPart") == 1
    assert _visible(store) == {SHARD: CONTENTS[SHARD]}


def test_a_second_run_sends_nothing(store: WeightsStore, account: WatchedAccount, folder: Path) -> None:
    first = _upload(store, _source(folder)).run(_locked())
    account.requests.sent.clear()
    second = _upload(store, _source(folder)).run(_locked())

    assert sorted(second, key=str) == sorted(first, key=str)
    assert {"PutObject", "UploadPart", "CreateMultipartUpload"}.isdisjoint(account.requests.sent)


def test_an_upload_that_somebody_gave_up_is_begun_anew(
    store: WeightsStore, account: WatchedAccount, folder: Path
) -> None:
    shard = [wanted for wanted in _locked() if wanted.path == SHARD]
    account.requests.kill_before = "CompleteMultipartUpload"
    with pytest.raises(Killed):
        _upload(store, _source(folder)).run(shard)
    account.requests.forget()
    for upload in store.open_uploads(SNAPSHOT.prefix):
        store.abort(upload.key, upload.upload_id)

    _upload(store, _source(folder)).run(shard)

    assert _visible(store) == {SHARD: CONTENTS[SHARD]}


def test_two_who_copy_the_same_snapshot_at_once_do_each_other_no_harm(
    store: WeightsStore, folder: Path
) -> None:
    with ThreadPoolExecutor(2) as both:
        runs = [both.submit(_upload(store, _source(folder)).run, _locked()) for _ in range(2)]
        first, second = (sorted(run.result(), key=str) for run in runs)

    assert first == second
    assert _visible(store) == CONTENTS


@dataclass(frozen=True)
class Interrupted:
    """A source; `meanwhile` happens as soon as `path` was read from it."""

    inner: SnapshotSource
    path: str
    meanwhile: Callable[[], object]

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def recorded_as(self) -> str:
        return self.inner.recorded_as

    def sizes(self) -> Mapping[str, int]:
        return self.inner.sizes()

    def read(self, path: str, start: int, length: int) -> bytes:
        data = self.inner.read(path, start, length)
        if path == self.path and start + length == len(CONTENTS[path]):
            self.meanwhile()
        return data


@pytest.mark.parametrize("name", [SHARD, "config.json"])
def test_bytes_that_no_lock_proves_change_nothing_of_a_snapshot_that_somebody_staged_meanwhile(
    store: WeightsStore, folder: Path, name: str
) -> None:
    # given somebody who stages other bytes under the same commit while this copy goes on
    theirs = {name: bytes(len(CONTENTS[name]))}
    source = Interrupted(_source(folder), name, lambda: stage(store, SNAPSHOT, theirs))
    unproved = [WantedFile(name, len(CONTENTS[name]))]

    with pytest.raises(StagingError, match="staged by somebody else meanwhile"):
        _upload(store, source).run(unproved)

    assert _visible(store) == theirs


@pytest.mark.parametrize(
    ("name", "operation", "times"),
    [(SHARD, "CompleteMultipartUpload", 2), ("config.json", "PutObject", 3)],  # one of the three is the mark
)
def test_what_somebody_put_there_meanwhile_gives_way_to_what_the_lock_names(
    store: WeightsStore, account: WatchedAccount, folder: Path, name: str, operation: str, times: int
) -> None:
    key = f"{SNAPSHOT.prefix}{name}"
    once = iter([True])

    def meanwhile() -> None:
        if next(once, False):
            account.client("s3").put_object(Bucket=store.bucket, Key=key, Body=b"something else")

    source = Interrupted(_source(folder), name, meanwhile)
    _upload(store, source).run([wanted for wanted in _locked() if wanted.path == name])

    assert _visible(store) == {name: CONTENTS[name]}
    assert account.requests.count(operation) == times


def test_without_a_lock_the_source_decides_and_a_change_of_it_is_copied(
    store: WeightsStore, folder: Path
) -> None:
    def unproved() -> tuple[WantedFile, ...]:
        return wanted_files(_source(folder).sizes(), None, "the folder")

    _upload(store, _source(folder)).run(unproved())
    (folder / "config.json").write_bytes(CONTENTS["config.json"].replace(b"X", b"Y"))
    files = _upload(store, _source(folder)).run(unproved())

    assert _visible(store)["config.json"] == b'{"architectures": ["Y"]}'
    assert {file.path: file.git_blob for file in files} == dict.fromkeys(CONTENTS)


def test_another_bucket_is_read_in_ranges(store: WeightsStore, account: WatchedAccount) -> None:
    source = _in_another_bucket(account, "one")
    files = _upload(store, source).run(_locked())

    assert len(files) == len(CONTENTS)
    assert _visible(store) == CONTENTS
    assert source.recorded_as == "s3://one/models"


def test_an_object_that_is_replaced_while_it_is_copied_is_refused(
    store: WeightsStore, account: WatchedAccount
) -> None:
    source = _in_another_bucket(account, "other")
    account.client("s3").put_object(
        Bucket="other",
        Key=f"models/{SNAPSHOT.repository}/config.json",
        Body=b"x" * len(CONTENTS["config.json"]),
    )

    with pytest.raises(Exception, match="PreconditionFailed"):
        _upload(store, source).run(_locked())


def _in_another_bucket(account: WatchedAccount, bucket: str) -> Any:
    client = account.client("s3")
    client.create_bucket(Bucket=bucket)
    for name, data in CONTENTS.items():
        client.put_object(Bucket=bucket, Key=f"models/{SNAPSHOT.repository}/{name}", Body=data)
    source = BucketPrefix(account, bucket, "models").source_of(SNAPSHOT, alone=False)
    assert source is not None
    return source
