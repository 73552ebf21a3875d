"""Step `seal`: once every file is proved, the manifest is written, and with it the snapshot is usable."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.weights.attempt import Attempt
from lambdas.weights.errors import StagingLost
from lambdas.weights.manifest import render
from lambdas.weights.request import unproved
from lambdas.weights.snapshot import FileFacts, Snapshot
from lambdas.weights.store import SnapshotStore


def seal(attempt: Attempt, store: SnapshotStore, *, staged_from: str) -> dict[str, int]:
    """Answer how many files and bytes the snapshot has. Doing it twice does no harm.

    Raises `StagingLost` unless every planned file was proved and lies there as it was proved, and where somebody else
    has sealed other files meanwhile.
    """
    snapshot = attempt.snapshot
    manifest = store.manifest(snapshot)
    before = {} if manifest is None else manifest.files
    if manifest is not None and store.object(attempt.plan_key) is None:
        return _sizes(list(before.values()))  # sealed by a try of this very step that did not get to say so
    planned_files = [FileFacts.parse(file) for file in store.json(attempt.plan_key)["files"]]
    files = _proved(snapshot, unproved(planned_files, before), store)
    everything = list({**before, **{file.path: file for file in files}}.values())
    if files or manifest is None:
        now = datetime.now(UTC)
        raw = render(snapshot, everything, staged_from=staged_from, now=now)
        store.put_manifest(snapshot, raw, replaces=manifest)
    store.remove_notes(attempt, everything)
    return _sizes(everything)


def _proved(snapshot: Snapshot, wanted: list[FileFacts], store: SnapshotStore) -> list[FileFacts]:
    marks, objects = store.verified(snapshot), store.objects(snapshot.prefix)
    for file in wanted:
        mark, stored = marks.get(file.path), objects.get(snapshot.object_key(file.path))
        if mark is None or stored is None or stored.etag != mark.etag:
            raise StagingLost(
                f"{snapshot}: {file.path} is not there as it was proved; stage the snapshot again"
            )
    return [marks[file.path].file for file in wanted]


def _sizes(files: list[FileFacts]) -> dict[str, int]:
    return {"files": len(files), "total_bytes": sum(file.size_bytes for file in files)}
