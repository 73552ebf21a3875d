"""Where an endpoint's model data comes from: a prefix in the embedded S3, copied to the disk as onto an instance."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import boto3

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import ModelDataFailed, RemoteError
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings
from endpoints.weights.digests import Digests
from endpoints.weights.layout import SnapshotId, snapshot_of_uri
from endpoints.weights.manifest import Manifest, StagedFile

PARALLEL_FILES: Final = 4
RANGE_BYTES: Final = 16 * 1024 * 1024

logger = logging.getLogger(__name__)

_BUCKET: Final = re.compile(r"s3://([^/]+)/")


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this disk: what a container finds under /opt/ml/model. `url` is where they come from."""

    url: str  # s3://<bucket>/<owner>/<name>/<commit>/
    id: SnapshotId
    folder: Path


class Snapshots(Protocol):
    """Every method blocks and may be called from any thread."""

    def fetch(self, url: str) -> Snapshot:
        """The files that a model's S3Uri names. Raises `ModelDataFailed`."""

    def forget(self, snapshot: Snapshot) -> None:
        """No container uses these files any more."""


class StagedSnapshots(Snapshots):
    """Snapshots of the weights' bucket. Only what has a manifest is taken, and only when every digest is right.

    A snapshot is downloaded once for all containers; files that are there from an earlier run are used again while the
    bucket's manifest says the same.
    """

    def __init__(self, settings: LocalSettings) -> None:
        session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=settings.region)
        self._account = Account(session, settings.region, settings.endpoint_url)
        self._home = settings.snapshot_dir
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, url: str) -> Snapshot:
        bucket = _BUCKET.match(url)
        snapshot = snapshot_of_uri(url, bucket[1]) if bucket else None
        if bucket is None or snapshot is None or url != f"s3://{bucket[1]}/{snapshot.prefix}":
            raise _failed(url, "It is not the prefix of a snapshot, s3://<bucket>/<owner>/<name>/<commit>/.")
        store = WeightsStore(self._account, bucket[1])
        wanted = Snapshot(url, snapshot, self._home / bucket[1] / snapshot.prefix)
        with self._turns[url]:
            try:
                self._fetch(store, wanted)
            except RemoteError as error:
                raise _failed(url, error.message) from error
        return wanted

    def forget(self, snapshot: Snapshot) -> None:
        with self._turns[snapshot.url]:
            _record(snapshot).unlink(missing_ok=True)
            shutil.rmtree(snapshot.folder, ignore_errors=True)

    def _fetch(self, store: WeightsStore, wanted: Snapshot) -> None:
        manifest = store.manifest(wanted.id)
        if manifest is None:
            missing = store.url(wanted.id.manifest_key)
            raise _failed(
                wanted.url, f"There is no {missing}: the snapshot is not staged, or not completely."
            )
        record = _record(wanted)
        if record.exists() and record.read_text(encoding="utf-8") == manifest.to_json():
            return
        began_s = time.monotonic()
        record.unlink(missing_ok=True)
        shutil.rmtree(wanted.folder, ignore_errors=True)
        self._download(store, manifest, wanted)
        record.write_text(manifest.to_json(), encoding="utf-8")  # last: with it the folder counts as complete
        took_s = time.monotonic() - began_s
        logger.info("downloaded %s, %.1f MB in %.1f s", wanted.url, manifest.total_bytes / 1e6, took_s)

    def _download(self, store: WeightsStore, manifest: Manifest, wanted: Snapshot) -> None:
        parent = wanted.folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{wanted.id.revision}-", dir=parent))
        try:
            with ThreadPoolExecutor(PARALLEL_FILES, "model data") as pool:
                work = [
                    pool.submit(self._download_file, store, wanted.id.prefix + file.path, file, draft)
                    for file in manifest.files
                ]
                for done in work:
                    done.result()
            draft.rename(wanted.folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _download_file(self, store: WeightsStore, key: str, file: StagedFile, draft: Path) -> None:
        """Raises `RemoteError` for a file that is not what the manifest says."""
        target = draft / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        digests = Digests(file.size_bytes, git_blob=False)
        with (
            aws_errors(f"read {store.url(key)}", endpoint_url=self._account.endpoint_url),
            target.open("wb") as out,
        ):
            for piece in _pieces(store, key, file.size_bytes):
                digests.update(piece)
                out.write(piece)
            size_bytes = out.tell()
        if (size_bytes, digests.sha256) != (file.size_bytes, file.sha256):
            raise RemoteError(
                f"{store.url(key)} is not what its manifest says: {size_bytes:,} bytes of {file.size_bytes:,}, sha256 "
                f"{digests.sha256} instead of {file.sha256}",
            )


def _pieces(store: WeightsStore, key: str, size_bytes: int) -> Iterator[bytes]:
    """An object in order, a range at a time: the embedded S3 holds in memory what one answer has."""
    same: dict[str, str] = {}
    for start in range(0, size_bytes, RANGE_BYTES):
        wanted = f"bytes={start}-{start + RANGE_BYTES - 1}"
        answer = store.s3.get_object(Bucket=store.bucket, Key=key, Range=wanted, **same)
        same = {"IfMatch": answer["ETag"]}
        yield answer["Body"].read()


def _record(snapshot: Snapshot) -> Path:
    """Beside the folder: the manifest of what was downloaded."""
    return snapshot.folder.with_suffix(".json")


def _failed(url: str, cause: str) -> ModelDataFailed:
    """SageMaker's own FailureReason, and what it was here."""
    return ModelDataFailed(
        f'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there is an '
        "object located at the URL and that the role passed to CreateModel has permissions to download the object. "
        f"{cause}",
        remedy="Stage it: adept deploy --env local (or adept stage --env local).",
    )
