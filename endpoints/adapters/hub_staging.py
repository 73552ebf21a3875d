"""Staging from the Hub: one run of the stager for each snapshot, started or joined, and watched until it ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from endpoints.adapters.stager import Execution, ExecutionState, Stager, planned_bytes, staged_bytes
from endpoints.adapters.weights_store import WeightsStore
from endpoints.catalogue import Environment
from endpoints.locks import SELECTION, LockedSnapshot
from endpoints.weights.executions import goes_on
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import contradicted_by, missing_from
from endpoints.weights.outcomes import Outcome, Status, remedy_of

POLL_S: Final = 2.0


class Reporter(Protocol):
    """Hears how far it is."""

    def set(self, name: str, size_bytes: int, *, total: int | None, note: str = "") -> None:
        """So many bytes of `name` are in the bucket."""

    def add(self, name: str, size_bytes: int) -> None:
        """So many bytes of `name` more."""


@dataclass(frozen=True)
class _Watched:
    locked: LockedSnapshot
    snapshot: SnapshotId
    execution: Execution
    began_s: float


def snapshot_id_of(locked: LockedSnapshot) -> SnapshotId:
    """The snapshot that a lock names. Raises `ValueError` without a commit."""
    if locked.revision is None:
        raise ValueError(f"{locked.repository} is not pinned to a commit")
    return SnapshotId(locked.repository, locked.revision)


def staged_before(store: WeightsStore, locked: LockedSnapshot) -> Outcome | None:
    """What is known of a snapshot before anything is copied: None when it is to be copied.

    Raises `RemoteError`.
    """
    snapshot = snapshot_id_of(locked)
    manifest = store.manifest(snapshot)
    if manifest is None:
        return None
    if wrong := contradicted_by(manifest, locked.files or ()):
        return Outcome(
            snapshot=snapshot,
            status=Status.FAILED,
            message=f"what is staged is not what is locked: {', '.join(wrong)} in {store.url(snapshot.prefix)}",
            remedy=(
                "The bytes of a commit cannot change, so one of the two is wrong. Is it the bucket, remove "
                f"{store.url(snapshot.manifest_key)} and run this again."
            ),
        )
    if missing_from(manifest, locked.files or ()) or lost_files(store, snapshot):
        return None
    return Outcome(
        snapshot=snapshot,
        status=Status.ALREADY,
        size_bytes=manifest.total_bytes,
        files=len(manifest.files),
    )


def lost_files(store: WeightsStore, snapshot: SnapshotId) -> tuple[str, ...]:
    """What a manifest names and the bucket does not have, or not in that size; nothing without a manifest."""
    manifest = store.manifest(snapshot)
    if manifest is None:
        return ()
    sizes = {
        str(one["Key"]).removeprefix(snapshot.prefix): one["Size"] for one in store.listed(snapshot.prefix)
    }
    return tuple(file.path for file in manifest.files if sizes.get(file.path) != file.size_bytes)


def stage_from_hub(
    store: WeightsStore,
    stager: Stager,
    snapshots: Sequence[LockedSnapshot],
    reporter: Reporter,
    *,
    environment: Environment,
) -> tuple[Outcome, ...]:
    """Start or join a run for each, and wait for all of them. Raises `RemoteError`, and `StagingError`.

    Ending this process ends no run.
    """
    outcomes: dict[SnapshotId, Outcome] = {}
    watched: list[_Watched] = []
    for locked in snapshots:
        snapshot, began_s = snapshot_id_of(locked), time.monotonic()
        execution = _begun(store, stager, locked)
        if execution is None:
            outcomes[snapshot] = _ended(store, ExecutionState("SUCCEEDED"), locked, environment, began_s)
        else:
            watched.append(_Watched(locked, snapshot, execution, began_s))
    while watched:
        for one in list(watched):
            state = stager.state(one.execution.arn)
            if not state.ended:
                _report(store, one, reporter)
                continue
            watched.remove(one)
            if (following := _following(store, stager, one, state)) is not None:
                watched.append(following)
            else:
                outcomes[one.snapshot] = _ended(store, state, one.locked, environment, one.began_s)
        if watched:
            time.sleep(POLL_S)
    return tuple(outcomes[snapshot_id_of(locked)] for locked in snapshots)


def _begun(store: WeightsStore, stager: Stager, locked: LockedSnapshot) -> Execution | None:
    return stager.start_or_join(
        snapshot_id_of(locked), _request(locked), has_manifest=partial(_is_complete, store, locked)
    )


def _following(store: WeightsStore, stager: Stager, one: _Watched, state: ExecutionState) -> _Watched | None:
    """The run to watch after one that was joined and was started for other files; None when this was the last."""
    is_known = not state.failed and staged_before(store, one.locked) is not None
    if not goes_on(state.status, joined=one.execution.joined, is_staged=is_known):
        return None
    execution = _begun(store, stager, one.locked)
    return None if execution is None else replace(one, execution=execution)


def _is_complete(store: WeightsStore, locked: LockedSnapshot) -> bool:
    before = staged_before(store, locked)
    return before is not None and before.is_staged


def _request(locked: LockedSnapshot) -> dict[str, object]:
    """What the stager takes."""
    files = None if locked.files is None else [one.model_dump(exclude_none=True) for one in locked.files]
    return {
        "repository": locked.repository,
        "revision": locked.revision,
        "files": files,
        "select": {name: list(patterns) for name, patterns in SELECTION.items()},
    }


def _report(store: WeightsStore, one: _Watched, reporter: Reporter) -> None:
    total = one.locked.total_bytes or planned_bytes(store, one.snapshot, one.execution)
    done = staged_bytes(store, one.snapshot)
    note = "joined" if one.execution.joined else ""
    if total is None:
        note = "asking the Hub"
    elif done >= total:
        note = "proving every byte"
    reporter.set(str(one.snapshot), done, total=total, note=note)


def _ended(
    store: WeightsStore,
    state: ExecutionState,
    locked: LockedSnapshot,
    environment: Environment,
    began_s: float,
) -> Outcome:
    took_s = time.monotonic() - began_s
    found = None if state.failed else staged_before(store, locked)
    if found is not None:
        return replace(found, status=Status.STAGED if found.is_staged else found.status, took_s=took_s)
    error = state.error or state.status
    cause = state.cause or "the stager's run has ended, but not everything that is locked is staged"
    return Outcome(
        snapshot=snapshot_id_of(locked),
        status=Status.FAILED,
        took_s=took_s,
        message=f"{error}: {cause}",
        remedy=remedy_of(error, environment),
    )
