"""Copies a snapshot from a folder or another bucket into the weights' bucket, and lets nothing be seen unproved.

boto3's own transfer manager finishes an upload by itself, before anybody has compared the file's digest. Here parts are
sent while the file is hashed, and the upload is completed only when the digest is the one that the lock names. S3 keeps
each part's SHA-256, so a copy that was broken off goes on where it stopped: what S3 has is compared with what the
source holds now, and only the rest is sent. An object is replaced only while it is the one that was looked at; by bytes
that no lock proves, only while no manifest names it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.adapters.proved_files import ProvedFiles
from endpoints.adapters.snapshot_sources import SnapshotSource
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import StagingError
from endpoints.weights.digests import Digests, base64_sha256
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import StagedFile
from endpoints.weights.sources import WantedFile

PART_BYTES: Final = 16 * 1024 * 1024
_MOST_PARTS: Final = 10_000  # S3's limit
_FILES_AT_ONCE: Final = 3
_PARTS_IN_FLIGHT: Final = 8
_READ_AHEAD: Final = 2
_TRIES: Final = 2


_OVERTAKEN: Final = frozenset(
    {"NoSuchUpload", "NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict"}
)


class _Overtaken(Exception):
    """Somebody else has finished the upload, given it up, or put another object there meanwhile."""


class SnapshotUpload:
    """One snapshot's way into the bucket. `tell` hears of bytes that are there, from many threads."""

    def __init__(
        self,
        store: WeightsStore,
        snapshot: SnapshotId,
        source: SnapshotSource,
        tell: Callable[[int], None],
        *,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._source = source
        self._tell = tell
        self._part_bytes = part_bytes
        self._marks = ProvedFiles(store, snapshot)
        self._stop = threading.Event()
        self._in_flight = threading.BoundedSemaphore(_PARTS_IN_FLIGHT)  # of parts that memory holds

    def run(self, files: Sequence[WantedFile]) -> tuple[StagedFile, ...]:
        """Copy and prove every file. Raises `AdeptError`; what was proved by then stays, and is not copied again."""
        with ThreadPoolExecutor(_PARTS_IN_FLIGHT) as movers, ThreadPoolExecutor(_FILES_AT_ONCE) as workers:
            # The large ones first: they decide how long it takes.
            ordered = sorted(files, key=lambda file: -file.size_bytes)
            running = [workers.submit(self._file, file, movers) for file in ordered]
            try:
                ended, _ = wait(running, return_when=FIRST_EXCEPTION)
                failed = [future for future in running if future in ended and future.exception()]
            finally:
                self._stop.set()  # what still runs ends at its next part
                for future in running:
                    future.cancel()
        return tuple(future.result() for future in failed or running)

    def _file(self, wanted: WantedFile, movers: ThreadPoolExecutor) -> StagedFile:
        if done := self._done_before(wanted):
            self._tell(wanted.size_bytes)
            return done
        for _ in range(_TRIES):
            unchanged = self._unchanged(wanted)
            try:
                if wanted.size_bytes <= self._part_bytes:
                    return self._small(wanted, unchanged)
                return self._large(wanted, movers, unchanged)
            except _Overtaken:
                # Somebody else may have proved it: then a mark says so by now. Otherwise it is begun anew.
                if done := self._done_before(wanted):
                    return done
        raise StagingError(
            f"{wanted.path} was finished, given up or replaced from outside, {_TRIES} times",
            remedy="Does somebody else stage or prune the same snapshot? Run this again when that is done.",
        )

    def _unchanged(self, wanted: WantedFile) -> Mapping[str, str]:
        """What S3 is to make sure of when the file becomes visible: that nobody was there since this look.

        Raises `StagingError` for a usable snapshot that bytes of no lock would change.
        """
        etag = self._store.etag(f"{self._snapshot.prefix}{wanted.path}")
        if etag is None:
            return {"IfNoneMatch": "*"}
        proved_by_lock = wanted.sha256 is not None or wanted.git_blob is not None
        if not proved_by_lock and self._store.manifest(self._snapshot) is not None:
            raise StagingError(
                f"{self._snapshot} was staged by somebody else meanwhile: {wanted.path} stays as it is",
                remedy="Run this again: it says what is staged.",
            )
        return {"IfMatch": etag}

    def _small(self, wanted: WantedFile, unchanged: Mapping[str, str]) -> StagedFile:
        """The very bytes that were compared are sent, and S3 compares what arrives."""
        data = self._source.read(wanted.path, 0, wanted.size_bytes)
        digests = _digests_of(wanted)
        digests.update(data)
        staged = self._proved(wanted, digests)
        with self._s3_errors(wanted):
            answer = self._store.s3.put_object(
                **self._object(wanted), Body=data, ChecksumSHA256=base64_sha256(data), **unchanged
            )
        self._marks.add(staged, str(answer["ETag"]))
        self._tell(wanted.size_bytes)
        return staged

    def _large(
        self, wanted: WantedFile, movers: ThreadPoolExecutor, unchanged: Mapping[str, str]
    ) -> StagedFile:
        upload_id, there = self._begun(wanted)
        part_bytes = max(self._part_bytes, -(-wanted.size_bytes // _MOST_PARTS))
        digests = _digests_of(wanted)
        sending: list[Future[dict[str, Any]]] = []
        sent = 0
        for number, data in enumerate(self._pieces(wanted, part_bytes, movers), start=1):
            digests.update(data)
            self._in_flight.acquire()
            sending.append(movers.submit(self._part, wanted, upload_id, number, data, there.get(number)))
            while sent < len(sending) and sending[sent].done():
                sending[sent].result()  # a failed part ends the file now, not after its last byte was read
                sent += 1
        parts = [future.result() for future in sending]
        staged = self._proved(wanted, digests, upload_id)
        with self._s3_errors(wanted):
            answer = self._store.s3.complete_multipart_upload(
                **self._object(wanted), UploadId=upload_id, MultipartUpload={"Parts": parts}, **unchanged
            )
        self._marks.add(staged, str(answer["ETag"]))
        return staged

    def _begun(self, wanted: WantedFile) -> tuple[str, Mapping[int, Mapping[str, Any]]]:
        """The upload of an earlier run, or of the stager, with its parts by number; or a new one."""
        key = f"{self._snapshot.prefix}{wanted.path}"
        newest_first = sorted(self._store.uploads_of(key), key=lambda one: one["Initiated"], reverse=True)
        for upload in newest_first:
            if upload["Key"] != key or upload.get("ChecksumAlgorithm", "SHA256") != "SHA256":
                continue
            parts = self._store.parts(key, str(upload["UploadId"]))
            if parts is not None:
                return str(upload["UploadId"]), {int(part["PartNumber"]): part for part in parts}
        with self._s3_errors(wanted):
            begun = self._store.s3.create_multipart_upload(**self._object(wanted), ChecksumAlgorithm="SHA256")
        return str(begun["UploadId"]), {}

    def _pieces(self, wanted: WantedFile, part_bytes: int, movers: ThreadPoolExecutor) -> Iterator[bytes]:
        """The file in order, read a little ahead."""
        starts = deque(range(0, wanted.size_bytes, part_bytes))
        reading: deque[Future[bytes]] = deque()
        while starts or reading:
            while starts and len(reading) < _READ_AHEAD:
                start = starts.popleft()
                length = min(part_bytes, wanted.size_bytes - start)
                reading.append(movers.submit(self._source.read, wanted.path, start, length))
            if self._stop.is_set():
                raise StagingError(f"stopped while {wanted.path} was copied")
            yield reading.popleft().result()

    def _part(
        self,
        wanted: WantedFile,
        upload_id: str,
        number: int,
        data: bytes,
        there: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Send a part, unless S3 has these very bytes. Ends one of `_in_flight`."""
        try:
            checksum = base64_sha256(data)
            if there is None or (there.get("ChecksumSHA256"), there["Size"]) != (checksum, len(data)):
                with self._s3_errors(wanted):
                    there = self._store.s3.upload_part(
                        **self._object(wanted),
                        UploadId=upload_id,
                        PartNumber=number,
                        Body=data,
                        ChecksumSHA256=checksum,
                    )
        finally:
            self._in_flight.release()
        self._tell(len(data))
        return {"PartNumber": number, "ETag": there["ETag"], "ChecksumSHA256": checksum}

    def _proved(self, wanted: WantedFile, digests: Digests, upload_id: str | None = None) -> StagedFile:
        """Raises `StagingError`, and gives the upload up, unless these are the bytes that the lock names."""
        if wanted.sha256 in (None, digests.sha256) and wanted.git_blob in (None, digests.git_blob):
            return StagedFile(
                path=wanted.path,
                size_bytes=wanted.size_bytes,
                sha256=digests.sha256,
                git_blob=wanted.git_blob,
            )
        if upload_id is not None:
            self._store.abort(f"{self._snapshot.prefix}{wanted.path}", upload_id)
        raise StagingError(
            f"{wanted.path} in {self._source.name} is not the file that is locked for {self._snapshot}: it has the "
            "same size and other content",
            remedy="It is damaged, or of another commit or model: download the right one. Nothing of it is visible.",
        )

    def _done_before(self, wanted: WantedFile) -> StagedFile | None:
        """What an earlier run has proved, if it is what is wanted now."""
        done = self._marks.get(wanted.path)
        if done is None or done.size_bytes != wanted.size_bytes:
            return None
        if wanted.sha256 is None and wanted.git_blob is None:
            # No lock says what it should be, so what the source holds now decides.
            return done if self._sha256_of_source(wanted) == done.sha256 else None
        same = wanted.sha256 in (None, done.sha256) and wanted.git_blob in (None, done.git_blob)
        return done if same else None

    def _sha256_of_source(self, wanted: WantedFile) -> str:
        digests = _digests_of(wanted)
        for start in range(0, wanted.size_bytes, self._part_bytes):
            length = min(self._part_bytes, wanted.size_bytes - start)
            digests.update(self._source.read(wanted.path, start, length))
        return digests.sha256

    def _object(self, wanted: WantedFile) -> dict[str, Any]:
        return {"Bucket": self._store.bucket, "Key": f"{self._snapshot.prefix}{wanted.path}"}

    @contextmanager
    def _s3_errors(self, wanted: WantedFile) -> Iterator[None]:
        doing = f"copy {wanted.path} to {self._store.url(self._snapshot.prefix)}"
        with aws_errors(doing, endpoint_url=self._store.account.endpoint_url):
            try:
                yield
            except ClientError as error:
                if error_code(error) in _OVERTAKEN:
                    raise _Overtaken from error
                raise


def _digests_of(wanted: WantedFile) -> Digests:
    return Digests(wanted.size_bytes, git_blob=wanted.git_blob is not None)
