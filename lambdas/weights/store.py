"""The edge towards the bucket: snapshots, their manifests and the state of their staging, over botocore."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from lambdas.weights.errors import StagingLost
from lambdas.weights.manifest import Manifest
from lambdas.weights.parts import MIB
from lambdas.weights.snapshot import FileFacts, Snapshot

READ_BYTES = 16 * MIB
_READS_AT_ONCE = 4  # one stream of S3 is slower than a core hashes
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True)
class StoredObject:
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class StoredPart:
    number: int
    size_bytes: int
    etag: str
    sha256: str | None


@dataclass(frozen=True)
class Verified:
    """A proved file, and the ETag of the object that was proved."""

    file: FileFacts
    etag: str


class SnapshotStore:
    """One bucket. Methods raise botocore's errors, which name keys and request ids and no content."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    # Documents

    def manifest(self, snapshot: Snapshot) -> Manifest | None:
        raw = self._document(snapshot.manifest_key)
        return None if raw is None else Manifest.parse(raw)

    def put_manifest(self, snapshot: Snapshot, raw: bytes) -> None:
        self._put(snapshot.manifest_key, raw)

    def put_json(self, key: str, document: object) -> None:
        self._put(key, json.dumps(document).encode())

    def json(self, key: str) -> Any:
        """Raises `StagingLost` when it is not there."""
        raw = self._document(key)
        if raw is None:
            raise StagingLost(f"s3://{self.bucket}/{key} is gone; stage the snapshot again")
        return json.loads(raw)

    def verified(self, snapshot: Snapshot) -> dict[str, Verified]:
        """The proved files by path."""
        prefix = f"{snapshot.staging}verified/"
        documents = [self.json(key) for key in self.objects(prefix)]
        marks = [Verified(FileFacts.parse(document["file"]), document["etag"]) for document in documents]
        return {mark.file.path: mark for mark in marks}

    def mark_verified(self, snapshot: Snapshot, file: FileFacts, etag: str) -> None:
        self.put_json(snapshot.verified_key(file.path), {"file": file.document(), "etag": etag})

    def record_failure(self, snapshot: Snapshot, error: Exception) -> None:
        name = type(error).__name__
        self.put_json(snapshot.failure_key(name), {"error": name, "message": str(error)})

    def failures(self, snapshot: Snapshot) -> dict[str, str]:
        """Messages by error."""
        documents = [self.json(key) for key in self.objects(f"{snapshot.staging}failures/")]
        return {document["error"]: document["message"] for document in documents}

    # Objects

    def objects(self, prefix: str) -> dict[str, StoredObject]:
        """Everything under a prefix, by key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        rows = [row for page in pages for row in page.get("Contents", [])]
        return {row["Key"]: StoredObject(row["Size"], row["ETag"]) for row in rows}

    def put_file(self, key: str, body: bytes) -> str:
        """A whole file; S3 checks the sha256. The object's ETag."""
        return self._put(key, body)

    def read(self, key: str, size_bytes: int, etag: str) -> Iterator[bytes]:
        """The object's bytes in order, fetched a few ranges ahead. Raises `StagingLost` when it changed meanwhile."""
        offsets = iter(range(0, size_bytes, READ_BYTES))
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            ahead = [
                pool.submit(self._range, key, offset, etag) for offset in islice(offsets, _READS_AT_ONCE)
            ]
            while ahead:
                yield ahead.pop(0).result()
                ahead.extend(pool.submit(self._range, key, offset, etag) for offset in islice(offsets, 1))

    def delete(self, keys: Iterable[str]) -> None:
        remaining = iter(keys)
        while batch := list(islice(remaining, _DELETED_AT_ONCE)):
            objects = [{"Key": key} for key in batch]
            answer = self._client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}
            )
            for error in answer.get("Errors", []):
                raise StagingLost(f"{error.get('Key')} could not be removed: {error.get('Code')}")

    def remove_staging(self, snapshot: Snapshot) -> None:
        self.delete(self.objects(snapshot.staging))

    # Uploads

    def uploads(self, snapshot: Snapshot) -> dict[str, list[str]]:
        """Unfinished uploads under the snapshot's prefix: key -> upload ids, the newest first."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.bucket, Prefix=snapshot.prefix
        )
        rows = [row for page in pages for row in page.get("Uploads", [])]
        found: dict[str, list[str]] = {}
        for row in sorted(rows, key=lambda row: row["Initiated"], reverse=True):
            found.setdefault(row["Key"], []).append(row["UploadId"])
        return found

    def create_upload(self, key: str) -> str:
        answer = self._client.create_multipart_upload(Bucket=self.bucket, Key=key, ChecksumAlgorithm="SHA256")
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str) -> dict[int, StoredPart]:
        """What an upload has, by number. Raises `StagingLost` when the upload is gone."""
        with _lost(key):
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self.bucket, Key=key, UploadId=upload_id
            )
            rows = [row for page in pages for row in page.get("Parts", [])]
        return {
            row["PartNumber"]: StoredPart(
                row["PartNumber"], row["Size"], row["ETag"], row.get("ChecksumSHA256")
            )
            for row in rows
        }

    def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> None:
        """S3 checks the sha256. Raises `StagingLost` when the upload is gone."""
        with _lost(key):
            self._client.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ChecksumSHA256=_sha256(body),
            )

    def complete(self, key: str, upload_id: str, parts: Iterable[StoredPart]) -> None:
        """Make the parts one object. Raises `StagingLost` when the upload is gone."""
        named = [_named(part) for part in parts]
        with _lost(key):
            self._client.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": named}
            )

    def abort(self, uploads: Mapping[str, Iterable[str]]) -> None:
        """Those that are gone already are fine."""
        for key, upload_ids in uploads.items():
            for upload_id in upload_ids:
                try:
                    self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
                except ClientError as error:
                    if _code(error) != "NoSuchUpload":
                        raise

    def _put(self, key: str, body: bytes) -> str:
        answer = self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=_sha256(body))
        return str(answer["ETag"])

    def _document(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                return None
            raise
        return bytes(answer["Body"].read())

    def _range(self, key: str, offset: int, etag: str) -> bytes:
        with _lost(key):
            answer = self._client.get_object(
                Bucket=self.bucket,
                Key=key,
                Range=f"bytes={offset}-{offset + READ_BYTES - 1}",
                IfMatch=etag,
            )
            return bytes(answer["Body"].read())


_LOST = ("NoSuchUpload", "NoSuchKey", "PreconditionFailed", "InvalidPart", "InvalidRange")


@contextmanager
def _lost(key: str) -> Iterator[None]:
    """What S3 answers about uploads and objects that somebody else removed, as `StagingLost`."""
    try:
        yield
    except ClientError as error:
        if _code(error) not in _LOST:
            raise
        code = _code(error)
    else:
        return
    raise StagingLost(f"{key}: {code}; stage the snapshot again")


def _named(part: StoredPart) -> dict[str, object]:
    checksum = {"ChecksumSHA256": part.sha256} if part.sha256 else {}
    return {"PartNumber": part.number, "ETag": part.etag, **checksum}


def _code(error: ClientError) -> str:
    details: Any = error.response
    return str(details.get("Error", {}).get("Code", ""))


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
