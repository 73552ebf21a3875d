"""Staging from a folder or another bucket: for accounts without a way out, and for bytes that are there already."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from endpoints.adapters.hub_staging import Reporter, snapshot_id_of
from endpoints.adapters.proved_files import ProvedFiles
from endpoints.adapters.snapshot_sources import SnapshotSource, SourceTree
from endpoints.adapters.snapshot_upload import SnapshotUpload
from endpoints.adapters.weights_store import WeightsStore
from endpoints.errors import AdeptError, StagingError
from endpoints.locks import LockedSnapshot
from endpoints.weights.executions import execution_id
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from endpoints.weights.outcomes import Outcome, Status
from endpoints.weights.sources import WantedFile, download_of, names_snapshot, not_proved, wanted_files


@dataclass(frozen=True)
class SourcedSnapshot:
    """A snapshot, where it lies, and the files to take; `proved` when a lock names their digests."""

    snapshot: SnapshotId
    source: SnapshotSource
    files: tuple[WantedFile, ...]
    proved: bool

    @property
    def size_bytes(self) -> int:
        """What there is to copy."""
        return sum(file.size_bytes for file in self.files)


def look_for(
    tree: SourceTree, snapshots: Sequence[LockedSnapshot], *, running: Collection[str], named: bool
) -> tuple[list[SourcedSnapshot], list[Outcome]]:
    """Where each snapshot lies in `tree`, and those that cannot be taken from there. Raises `RemoteError`.

    `running` are the stager's executions: what it copies right now is not copied a second time. `named`: the user has
    said which model it is.
    """
    # Files without a model's name can be told apart by the digests of a lock; without those somebody must say it.
    alone = len(snapshots) == 1 and (named or snapshots[0].files is not None)
    found: list[SourcedSnapshot] = []
    refused: list[Outcome] = []
    for locked in snapshots:
        snapshot = snapshot_id_of(locked)
        try:
            found.append(_look_for(tree, locked, running, alone=alone))
        except _NotThere as nowhere:
            refused.append(_outcome(snapshot, Status.NOT_THERE, nowhere))
        except StagingError as error:
            refused.append(_outcome(snapshot, Status.FAILED, error))
    return found, refused


def stage_from_source(store: WeightsStore, one: SourcedSnapshot, reporter: Reporter) -> Outcome:
    """Copy, prove and seal one snapshot; an error becomes its outcome.

    What a manifest has proved already is neither read nor copied again, and stays in the manifest with the rest.
    """
    began_s = time.monotonic()
    name = str(one.snapshot)
    upload = SnapshotUpload(store, one.snapshot, one.source, lambda size: reporter.add(name, size))
    try:
        missing = not_proved(store.manifest(one.snapshot), one.files)
        if kept_bytes := one.size_bytes - sum(file.size_bytes for file in missing):
            reporter.add(name, kept_bytes)
        files = upload.run(missing)
        _require_as_proved(store, one.snapshot, files)
        manifest = _with_what_was_sealed(store.manifest(one.snapshot), one, files)
        store.seal(manifest)
    except AdeptError as error:
        return _outcome(one.snapshot, Status.FAILED, error)
    return Outcome(
        snapshot=one.snapshot,
        status=Status.STAGED,
        size_bytes=manifest.total_bytes,
        files=len(manifest.files),
        took_s=time.monotonic() - began_s,
    )


def _with_what_was_sealed(
    before: Manifest | None, one: SourcedSnapshot, files: Sequence[StagedFile]
) -> Manifest:
    """The new manifest. `before` is read late: somebody else may have sealed other files of the snapshot meanwhile."""
    sealed = {file.path: file for file in (before.files if before else ())}
    return Manifest.of(
        one.snapshot,
        {**sealed, **{file.path: file for file in files}}.values(),
        staged_from=one.source.recorded_as,
        staged_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )


def _require_as_proved(store: WeightsStore, snapshot: SnapshotId, files: Sequence[StagedFile]) -> None:
    """Raises `StagingError` where somebody has put something else there since: no manifest may name it."""
    if replaced := ProvedFiles(store, snapshot).replaced(files):
        raise StagingError(
            f"somebody else has replaced {', '.join(replaced)} of {snapshot} while it was staged",
            remedy="Run this again when nobody else stages it: only what was replaced is copied.",
        )


class _NotThere(StagingError):
    """The tree does not hold the snapshot."""


def _look_for(
    tree: SourceTree, locked: LockedSnapshot, running: Collection[str], *, alone: bool
) -> SourcedSnapshot:
    snapshot = snapshot_id_of(locked)
    if any(name.startswith(f"{execution_id(snapshot)}-") for name in running):
        raise StagingError(
            f"{snapshot} is being staged from the Hub right now",
            remedy="Wait for it (adept stage without --from), or stop its execution in Step Functions.",
        )
    source = tree.source_of(snapshot, alone=alone)
    if source is None:
        raise _NotThere(
            f"{tree.name} holds {_instead(tree, snapshot)}", remedy=_where_to_put(tree, snapshot, alone=alone)
        )
    files = wanted_files(
        source.sizes(), locked.files, source.name, remedy=_how_to_have_all(tree, source, snapshot)
    )
    return SourcedSnapshot(snapshot, source, files, proved=locked.files is not None)


def _how_to_have_all(tree: SourceTree, source: SnapshotSource, snapshot: SnapshotId) -> str:
    again = f"Download that very commit again: {download_of(snapshot, source.name)}"
    if source.name.rstrip("/") != tree.name or names_snapshot(PurePath(source.name).parts) == snapshot:
        return again
    # Nothing there says whose files they are, and a download would overwrite those of another model.
    beside = download_of(snapshot, f"{tree.name}/{snapshot.repository}")
    return f"Is it another model's? Put this one beside it: {beside}\nIs it this one's? {again}"


def _instead(tree: SourceTree, snapshot: SnapshotId) -> str:
    if others := tree.commits_of(snapshot.repository):
        return f"{snapshot.repository} at {', '.join(others)}, and not at the commit that is locked"
    return f"no {snapshot.repository}"


def _where_to_put(tree: SourceTree, snapshot: SnapshotId, *, alone: bool) -> str:
    put = f"Put it there: {download_of(snapshot, f'{tree.name}/{snapshot.repository}')}"
    if alone:  # the folder itself was looked at, too
        return put
    return f"{put}\nOr name it with --model when {tree.name} is one model's own."


def _outcome(snapshot: SnapshotId, status: Status, error: AdeptError) -> Outcome:
    return Outcome(snapshot=snapshot, status=status, message=error.message, remedy=error.remedy)
