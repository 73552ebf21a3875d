"""The edge towards the bucket: snapshots, their manifests and the state of their staging, over botocore.

A file's object is never overwritten, and deleted only while it is the one that was looked at: a worker of a stage that
was stopped may go on for minutes, beside those of the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from lambdas.weights.attempt import Attempt
from lambdas.weights.errors import StagingLost
from lambdas.weights.manifest import Manifest
from lambdas.weights.parts import MIB
from lambdas.weights.s3_errors import code_of, lost, sha256
from lambdas.weights.snapshot import FileFacts, Snapshot
from lambdas.weights.uploads import Uploads

READ_BYTES = 16 * MIB
_READS_AT_ONCE = 4  # one stream of S3 is slower than a core hashes
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True)
class StoredObject:
    size_bytes: int
    etag: str


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
        self.uploads = Uploads(client, bucket)

    # Documents

    def manifest(self, snapshot: Snapshot) -> Manifest | None:
        found = self._document(snapshot.manifest_key)
        return None if found is None else Manifest.parse(found[0], etag=found[1])

    def put_manifest(self, snapshot: Snapshot, raw: bytes, *, replaces: Manifest | None) -> None:
        """Raises `StagingLost` where another manifest lies there than the one that was looked at."""
        with lost(snapshot.manifest_key):
            if replaces is None:
                self._put(snapshot.manifest_key, raw, IfNoneMatch="*")
            else:
                self._put(snapshot.manifest_key, raw, IfMatch=replaces.etag)

    def put_json(self, key: str, document: object) -> None:
        self._put(key, json.dumps(document).encode())

    def json(self, key: str) -> Any:
        """Raises `StagingLost` when it is not there."""
        found = self._document(key)
        if found is None:
            raise StagingLost(f"s3://{self.bucket}/{key} is gone; stage the snapshot again")
        return json.loads(found[0])

    def verified(self, snapshot: Snapshot) -> dict[str, Verified]:
        """The proved files by path."""
        prefix = f"{snapshot.staging}verified/"
        documents = [self.json(key) for key in self.objects(prefix)]
        marks = [Verified(FileFacts.parse(document["file"]), document["etag"]) for document in documents]
        return {mark.file.path: mark for mark in marks}

    def mark_verified(self, snapshot: Snapshot, file: FileFacts, etag: str) -> None:
        self.put_json(snapshot.verified_key(file.path), {"file": file.document(), "etag": etag})

    def record_failure(self, attempt: Attempt, error: Exception) -> None:
        name = type(error).__name__
        self.put_json(attempt.failure_key(name), {"error": name, "message": str(error)})

    def failures(self, attempt: Attempt) -> dict[str, str]:
        """Messages by error, of this attempt alone."""
        documents = [self.json(key) for key in self.objects(attempt.failures)]
        return {document["error"]: document["message"] for document in documents}

    def forget_failures(self, attempt: Attempt) -> None:
        """What this attempt's last plan ended with is no news of the next one."""
        self.delete_documents(self.objects(attempt.failures))

    # Objects

    def objects(self, prefix: str) -> dict[str, StoredObject]:
        """Everything under a prefix, by key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        rows = [row for page in pages for row in page.get("Contents", [])]
        return {row["Key"]: StoredObject(row["Size"], row["ETag"]) for row in rows}

    def put_file(self, key: str, body: bytes) -> str | None:
        """A whole file; S3 checks the sha256. The object's ETag; None where an object is there, which stays."""
        try:
            return self._put(key, body, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            return None

    def object(self, key: str) -> StoredObject | None:
        return self.objects(key).get(key)

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

    def delete_objects(self, objects: Mapping[str, StoredObject]) -> None:
        """Those that are still what was found there: another worker may have put the right ones there since."""
        for key, found in objects.items():
            try:
                self._client.delete_object(Bucket=self.bucket, Key=key, IfMatch=found.etag)
            except ClientError as error:
                if code_of(error) not in ("PreconditionFailed", "NoSuchKey"):
                    raise

    def delete_documents(self, keys: Iterable[str]) -> None:
        remaining = iter(keys)
        while batch := list(islice(remaining, _DELETED_AT_ONCE)):
            objects = [{"Key": key} for key in batch]
            answer = self._client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}
            )
            for error in answer.get("Errors", []):
                raise StagingLost(f"{error.get('Key')} could not be removed: {error.get('Code')}")

    def remove_notes(self, attempt: Attempt, staged: Iterable[FileFacts]) -> None:
        """What nobody needs once `staged` are in the manifest: not what a later attempt notes of other files."""
        self.delete_documents(
            [
                *attempt.until_now(self.objects(attempt.snapshot.attempts)),
                *(attempt.snapshot.verified_key(file.path) for file in staged),
            ]
        )

    def _put(self, key: str, body: bytes, **conditions: str) -> str:
        answer = self._client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=sha256(body), **conditions
        )
        return str(answer["ETag"])

    def _document(self, key: str) -> tuple[bytes, str] | None:
        """Its bytes and its ETag."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise
        return bytes(answer["Body"].read()), str(answer["ETag"])

    def _range(self, key: str, offset: int, etag: str) -> bytes:
        with lost(key):
            answer = self._client.get_object(
                Bucket=self.bucket,
                Key=key,
                Range=f"bytes={offset}-{offset + READ_BYTES - 1}",
                IfMatch=etag,
            )
            return bytes(answer["Body"].read())
