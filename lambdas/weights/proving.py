"""Step `finish`: a file's parts become one object, which is read back and proved."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.weights.digests import Digests
from lambdas.weights.errors import DigestMismatch, StagingLost
from lambdas.weights.fields import integer, mapping, optional_text
from lambdas.weights.parts import spans
from lambdas.weights.planning import missing_spans
from lambdas.weights.snapshot import FileFacts, Snapshot
from lambdas.weights.store import SnapshotStore


@dataclass(frozen=True)
class CopiedFile:
    """An item of the second map. Without an upload the object is there and waits for its proof."""

    file: FileFacts
    upload_id: str | None
    part_bytes: int

    @classmethod
    def parse(cls, document: object) -> CopiedFile:
        fields = mapping(document, "a file")
        return cls(
            file=FileFacts.parse(fields.get("file")),
            upload_id=optional_text(fields, "upload_id"),
            part_bytes=integer(fields, "part_bytes"),
        )


def finish(snapshot: Snapshot, copied: CopiedFile, store: SnapshotStore) -> int:
    """Make the file's parts an object, prove it and answer how many bytes it has. Doing it twice does no harm.

    Raises `DigestMismatch`, and the object is gone then; `StagingLost` where there is nothing to prove.
    """
    key = snapshot.object_key(copied.file.path)
    stored = store.object(key)
    if copied.upload_id is not None and stored is None:
        _complete(key, copied, copied.upload_id, store)
    prove(snapshot, copied.file, store)
    return copied.file.size_bytes


def prove(snapshot: Snapshot, file: FileFacts, store: SnapshotStore) -> None:
    """Read the object that is there, and note that it is the file. Raises as `finish` does."""
    key = snapshot.object_key(file.path)
    stored = store.object(key)
    if stored is None:
        raise StagingLost(f"{snapshot}: {file.path} is not in the bucket; stage the snapshot again")
    digests = Digests(file)
    for piece in store.read(key, stored.size_bytes, stored.etag):
        digests.update(piece)
    try:
        proved = digests.proved(snapshot)
    except DigestMismatch:
        store.delete_objects({key: stored})
        raise
    store.mark_verified(snapshot, proved, stored.etag)


def _complete(key: str, copied: CopiedFile, upload_id: str, store: SnapshotStore) -> None:
    """Where another worker was faster its object is proved instead."""
    wanted = spans(copied.file.size_bytes, copied.part_bytes)
    try:
        parts = store.uploads.parts(key, upload_id)
        if missing := missing_spans(wanted, parts):
            raise StagingLost(
                f"{copied.file.path}: {len(missing)} parts are missing; stage the snapshot again"
            )
        store.uploads.complete(key, upload_id, [parts[span.number] for span in wanted])
    except StagingLost:
        if store.object(key) is None:
            raise
