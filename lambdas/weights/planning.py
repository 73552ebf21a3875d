"""Step `plan`: what the snapshot consists of, what of it is there already, and what is left to do.

Nothing is remembered that S3 does not know: verified files, objects, unfinished uploads and their parts are listed
anew, so a stage that was killed anywhere goes on from whatever it reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from lambdas.weights.attempt import Attempt
from lambdas.weights.hub import Hub
from lambdas.weights.parts import Span, part_size, spans
from lambdas.weights.patience import Patience
from lambdas.weights.request import Request, unproved
from lambdas.weights.snapshot import FileFacts, Snapshot
from lambdas.weights.store import SnapshotStore, StoredObject, Verified
from lambdas.weights.uploads import StoredPart, Upload

_SMALL_BYTES = 1024 * 1024


@dataclass
class Plan:
    """The items of the two maps."""

    parts: list[dict[str, object]] = field(default_factory=list)
    files: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """What the bucket holds of a snapshot. Objects and uploads by key; uploads the newest first."""

    verified: Mapping[str, Verified]
    objects: Mapping[str, StoredObject]
    uploads: Mapping[str, list[Upload]]

    def upload(self, key: str) -> Upload | None:
        """The one to go on with."""
        return next((upload for upload in self.uploads.get(key, ()) if upload.takes_our_parts), None)

    def is_proved(self, key: str, file: FileFacts) -> bool:
        """Whether the very object that lies there was proved to be this file."""
        mark, stored = self.verified.get(file.path), self.objects.get(key)
        same = mark is not None and mark.file.size_bytes == file.size_bytes and _same_digests(mark.file, file)
        return same and stored is not None and mark is not None and stored.etag == mark.etag


def plan(
    request: Request, attempt: Attempt, hub: Hub, store: SnapshotStore, *, part_bytes: int, patience: Patience
) -> dict[str, object]:
    """Write the plan and the maps' items. Raises `StagingError`.

    Answers `{"complete": true}` for a snapshot that is usable, else how many items each map has and their keys.
    """
    snapshot = request.snapshot
    manifest = store.manifest(snapshot)
    proved = {} if manifest is None else manifest.files
    if manifest is not None and request.covered_by(proved):
        _clear(attempt, proved.values(), store)
        return {"complete": True, "attempt": attempt.name, "parts": 0, "files": 0}
    store.forget_failures(attempt)
    wanted = request.chosen(hub.files(snapshot, patience))
    missing = unproved(wanted, proved)
    _check_access(missing, snapshot, hub, patience)
    stored = Stored(
        store.verified(snapshot), store.objects(snapshot.prefix), store.uploads.unfinished(snapshot)
    )
    _make_room(missing, snapshot, stored, store)
    planned = Plan()
    for file in missing:
        _plan_file(file, snapshot, stored, store, part_bytes, planned)
    everything = {**proved, **{file.path: file for file in missing}}
    store.put_json(attempt.plan_key, {"files": [file.document() for file in everything.values()]})
    store.put_json(attempt.parts_key, planned.parts)
    store.put_json(attempt.files_key, planned.files)
    return {
        "complete": False,
        "attempt": attempt.name,
        "parts": len(planned.parts),
        "parts_key": attempt.parts_key,
        "files": len(planned.files),
        "files_key": attempt.files_key,
    }


def _check_access(files: Iterable[FileFacts], snapshot: Snapshot, hub: Hub, patience: Patience) -> None:
    """Everybody may see what a gated repository holds: whether its files may be read is known from reading one."""
    for smallest in sorted(files, key=lambda file: file.size_bytes)[:1]:
        whole = smallest.size_bytes <= _SMALL_BYTES
        hub.read(snapshot, smallest, None if whole else Span(1, 0, 1), patience)


def _plan_file(
    file: FileFacts,
    snapshot: Snapshot,
    stored: Stored,
    store: SnapshotStore,
    part_bytes: int,
    planned: Plan,
) -> None:
    key = snapshot.object_key(file.path)
    size_bytes = part_size(file.size_bytes, part_bytes)
    if stored.is_proved(key, file):
        return
    if key in stored.objects and stored.objects[key].size_bytes == file.size_bytes:
        planned.files.append({"file": file.document(), "upload_id": None, "part_bytes": size_bytes})
        return
    if file.size_bytes <= size_bytes:
        planned.parts.append({"file": file.document(), "upload_id": None, "span": None})
        return
    known = stored.upload(key)
    upload_id = known.id if known else store.uploads.create(key)
    parts = store.uploads.parts(key, upload_id) if known else {}
    planned.parts.extend(
        {"file": file.document(), "upload_id": upload_id, "span": asdict(span)}
        for span in missing_spans(spans(file.size_bytes, size_bytes), parts)
    )
    planned.files.append({"file": file.document(), "upload_id": upload_id, "part_bytes": size_bytes})


def missing_spans(wanted: Iterable[Span], parts: Mapping[int, StoredPart]) -> list[Span]:
    """Those that an upload lacks. A part of another size stems from another part size: it is copied over."""
    return [
        span for span in wanted if span.number not in parts or parts[span.number].size_bytes != span.length
    ]


def _make_room(files: Iterable[FileFacts], snapshot: Snapshot, stored: Stored, store: SnapshotStore) -> None:
    """Remove objects that cannot be what is wanted, and uploads that nobody goes on with."""
    sizes = {snapshot.object_key(file.path): file.size_bytes for file in files}
    store.delete_objects(
        {
            key: found
            for key, found in stored.objects.items()
            if key in sizes and found.size_bytes != sizes[key]
        }
    )
    store.uploads.abort(
        {
            key: [upload for upload in uploads if key not in sizes or upload != stored.upload(key)]
            for key, uploads in stored.uploads.items()
        }
    )


def _clear(attempt: Attempt, staged: Iterable[FileFacts], store: SnapshotStore) -> None:
    """The leftovers of a stage that was killed after its manifest was written."""
    store.uploads.abort(store.uploads.unfinished(attempt.snapshot))
    store.remove_notes(attempt, staged)


def _same_digests(left: FileFacts, right: FileFacts) -> bool:
    pairs = ((left.sha256, right.sha256), (left.git_blob, right.git_blob))
    return all(a == b for a, b in pairs if a is not None and b is not None)
