"""A snapshot in a bucket as the stager leaves it: the files, then the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import boto3

from endpoints.adapters.account_clients import Account
from endpoints.adapters.weights_store import WeightsStore
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile


def new_bucket(settings: LocalSettings, name: str) -> WeightsStore:
    """A bucket of the embedded AWS."""
    session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=settings.region)
    account = Account(session, settings.region, settings.endpoint_url)
    account.client("s3").create_bucket(Bucket=name)
    return WeightsStore(account, name)


def folder_content(folder: Path) -> dict[str, bytes]:
    """The files of a model's directory."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def stage(store: WeightsStore, snapshot: SnapshotId, content: Mapping[str, bytes]) -> str:
    """Where a model finds the snapshot: its S3Uri."""
    for name, data in content.items():
        store.s3.put_object(Bucket=store.bucket, Key=snapshot.prefix + name, Body=data)
    files = [
        StagedFile(path=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in content.items()
    ]
    store.seal(Manifest.of(snapshot, files, staged_from="folder", staged_at="2026-01-01T00:00:00Z"))
    return store.url(snapshot.prefix)
