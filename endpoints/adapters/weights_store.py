"""The weights' bucket: which snapshots it holds, and how they are sealed and removed."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.weights.layout import Area, SnapshotId, place_of
from endpoints.weights.manifest import Manifest, read_manifest
from endpoints.weights.retention import OpenUpload, StoredSnapshot

THREADS: Final = 16
_DELETED_AT_ONCE: Final = 1000  # what DeleteObjects takes
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})


@dataclass(frozen=True)
class WeightsStore:
    """Every method raises `RemoteError`."""

    account: Account
    bucket: str

    @cached_property
    def s3(self) -> Any:
        """The one client, for up to `THREADS` threads."""
        return self.account.transfer_client(threads=THREADS)

    def manifest(self, snapshot: SnapshotId) -> Manifest | None:
        """The manifest of a complete snapshot; None when there is none."""
        body = self.read(snapshot.manifest_key)
        return None if body is None else read_manifest(body, self.url(snapshot.manifest_key))

    def seal(self, manifest: Manifest) -> None:
        """Make a snapshot usable: write its manifest, and only then forget the work in progress."""
        snapshot = SnapshotId(manifest.repository, manifest.revision)
        self.write(snapshot.manifest_key, manifest.to_json().encode())
        self.delete_keys([str(one["Key"]) for one in self.listed(snapshot.staging_prefix)])

    def unseal(self, snapshot: SnapshotId) -> None:
        """Take a snapshot's manifest away: from now on it is not usable."""
        self.delete_keys([snapshot.manifest_key])

    def inventory(self, progress: Callable[[str], None]) -> tuple[StoredSnapshot, ...]:
        """Every snapshot that the bucket holds something of, unfinished ones included, sorted."""
        progress(f"listing s3://{self.bucket}")
        found: dict[SnapshotId, _Found] = {}
        for stored in self.listed(""):
            if place := place_of(str(stored["Key"])):
                found.setdefault(place[0], _Found()).add(place[1], stored)
        for upload in self.open_uploads(""):
            if place := place_of(upload.key):
                found.setdefault(place[0], _Found()).uploads.append(upload)
        if found:
            progress(f"reading {len(found)} manifest{'s' if len(found) > 1 else ''}")
        return tuple(self._stored(snapshot, found[snapshot]) for snapshot in sorted(found))

    def remove(self, stored: StoredSnapshot) -> None:
        """Delete a snapshot, its manifest first: what is broken off leaves nothing that looks complete."""
        self.unseal(stored.snapshot)
        for upload in stored.uploads:
            self.abort(upload.key, upload.upload_id)
        self.delete_keys(stored.keys)

    def url(self, key: str) -> str:
        """`s3://bucket/key`, for people."""
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> bytes | None:
        """A small object; None when there is none."""
        with aws_errors(f"read {self.url(key)}", endpoint_url=self.account.endpoint_url):
            try:
                body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return None
                raise
        return body

    def write(self, key: str, body: bytes) -> None:
        """A small object of ours."""
        with aws_errors(f"write {self.url(key)}", endpoint_url=self.account.endpoint_url):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")

    def etag(self, key: str) -> str | None:
        """The ETag of an object; None when there is none."""
        with aws_errors(f"look at {self.url(key)}", endpoint_url=self.account.endpoint_url):
            try:
                return str(self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"])
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return None
                raise

    def listed(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """What ListObjectsV2 says of every object below `prefix`."""
        with aws_errors(f"list s3://{self.bucket}/{prefix}", endpoint_url=self.account.endpoint_url):
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                yield from page.get("Contents", [])

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        for batch in _batches(keys, _DELETED_AT_ONCE):
            with aws_errors(f"delete objects of s3://{self.bucket}", endpoint_url=self.account.endpoint_url):
                answer = self.s3.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            for refused in answer.get("Errors", []):
                raise RemoteError(
                    f"Could not delete {self.url(str(refused.get('Key')))}: {refused.get('Message')}",
                    remedy="What was deleted so far is gone. Mend the cause, and run this again.",
                )

    def abort(self, key: str, upload_id: str) -> None:
        """Give up a multipart upload with its parts; one that is gone already is no error."""
        with aws_errors(f"give up an upload of {self.url(key)}", endpoint_url=self.account.endpoint_url):
            try:
                self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise

    def parts(self, key: str, upload_id: str) -> tuple[Mapping[str, Any], ...] | None:
        """What ListParts says of every part of an upload; None when there is no such upload any more."""
        with aws_errors(f"list the parts of {self.url(key)}", endpoint_url=self.account.endpoint_url):
            pages = self.s3.get_paginator("list_parts").paginate(
                Bucket=self.bucket, Key=key, UploadId=upload_id
            )
            try:
                return tuple(part for page in pages for part in page.get("Parts", []))
            except ClientError as error:
                if error_code(error) == "NoSuchUpload":
                    return None
                raise

    def uploads_of(self, prefix: str) -> list[Mapping[str, Any]]:
        """What ListMultipartUploads says of every unfinished upload to keys that begin with `prefix`."""
        with aws_errors(f"list the uploads to s3://{self.bucket}", endpoint_url=self.account.endpoint_url):
            pages = self.s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            return [upload for page in pages for upload in page.get("Uploads", [])]

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """The same with their sizes."""
        for upload in self.uploads_of(prefix):
            key, upload_id = str(upload["Key"]), str(upload["UploadId"])
            parts = self.parts(key, upload_id)
            if parts is not None:  # it was finished or given up meanwhile
                yield OpenUpload(
                    key, upload_id, sum(int(part["Size"]) for part in parts), upload["Initiated"]
                )

    def _stored(self, snapshot: SnapshotId, found: _Found) -> StoredSnapshot:
        return StoredSnapshot(
            snapshot=snapshot,
            manifest=self.manifest(snapshot) if found.has_manifest else None,
            keys=tuple(found.keys),
            size_bytes=found.size_bytes,
            last_written=max([*found.written, *(upload.begun for upload in found.uploads)]),
            uploads=tuple(found.uploads),
        )


@dataclass
class _Found:
    """What a listing has of one snapshot."""

    keys: list[str] = field(default_factory=list)
    size_bytes: int = 0
    has_manifest: bool = False
    written: list[dt.datetime] = field(default_factory=list)
    uploads: list[OpenUpload] = field(default_factory=list)

    def add(self, area: Area, stored: Mapping[str, Any]) -> None:
        self.written.append(stored["LastModified"])
        if area is Area.MANIFEST:
            self.has_manifest = True
        else:
            self.keys.append(str(stored["Key"]))
            self.size_bytes += int(stored["Size"])


def _batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
