"""The edge towards S3's multipart uploads. Nothing about them is remembered elsewhere: S3 is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.weights.s3_errors import code_of, lost, sha256
from lambdas.weights.snapshot import Snapshot

_ALGORITHM = "SHA256"


@dataclass(frozen=True)
class Upload:
    """An unfinished one. S3 takes parts with the checksum that it was begun with, and no others."""

    id: str
    algorithm: str

    @property
    def takes_our_parts(self) -> bool:
        return self.algorithm == _ALGORITHM


@dataclass(frozen=True)
class StoredPart:
    """A part that an upload has."""

    number: int
    size_bytes: int
    etag: str
    sha256: str | None


class Uploads:
    """Those of one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def unfinished(self, snapshot: Snapshot) -> dict[str, list[Upload]]:
        """Those under the snapshot's prefix by key, the newest first."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=snapshot.prefix
        )
        rows = [row for page in pages for row in page.get("Uploads", [])]
        found: dict[str, list[Upload]] = {}
        for row in sorted(rows, key=lambda row: row["Initiated"], reverse=True):
            upload = Upload(row["UploadId"], row.get("ChecksumAlgorithm", _ALGORITHM))
            found.setdefault(row["Key"], []).append(upload)
        return found

    def create(self, key: str) -> str:
        answer = self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ChecksumAlgorithm=_ALGORITHM
        )
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str) -> dict[int, StoredPart]:
        """What an upload has, by number. Raises `StagingLost` when the upload is gone."""
        with lost(key):
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=key, UploadId=upload_id
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
        with lost(key):
            self._client.upload_part(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ChecksumSHA256=sha256(body),
            )

    def complete(self, key: str, upload_id: str, parts: Iterable[StoredPart]) -> None:
        """Make the parts one object. Raises `StagingLost` when the upload is gone, or an object is there already."""
        named = [_named(part) for part in parts]
        with lost(key):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": named},
                IfNoneMatch="*",
            )

    def abort(self, uploads: Mapping[str, Iterable[Upload]]) -> None:
        """Those that are gone already are fine."""
        for key, unwanted in uploads.items():
            for upload in unwanted:
                try:
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload.id)
                except ClientError as error:
                    if code_of(error) != "NoSuchUpload":
                        raise


def _named(part: StoredPart) -> dict[str, object]:
    checksum = {"ChecksumSHA256": part.sha256} if part.sha256 else {}
    return {"PartNumber": part.number, "ETag": part.etag, **checksum}
