"""Which snapshots stay and which may go. Nothing is removed by itself: a person asks for it, and sees it before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from endpoints.weights.executions import execution_id
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest

BYTES_PER_GB: Final = 1e9
_BYTES_PER_BILLED_GB: Final = 2**30  # AWS bills storage by GiB and calls it GB
_MODEL: Final = "model "
_QUIET: Final = dt.timedelta(hours=24)


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was begun and is neither finished nor given up; its parts cost storage."""

    key: str
    upload_id: str
    size_bytes: int
    begun: dt.datetime


@dataclass(frozen=True, kw_only=True)
class StoredSnapshot:
    """What the bucket holds of one snapshot. Without a manifest it is not usable.

    `keys` are the objects of the snapshot and of its staging, without the manifest; `size_bytes` is their sum.
    """

    snapshot: SnapshotId
    manifest: Manifest | None
    keys: tuple[str, ...]
    size_bytes: int
    last_written: dt.datetime
    uploads: tuple[OpenUpload, ...] = ()

    @property
    def problem(self) -> str | None:
        """Why no container could load it now; None where it could."""
        if self.manifest is None:
            return "its manifest is not there"
        there = set(self.keys)
        lost = [
            file.path for file in self.manifest.files if f"{self.snapshot.prefix}{file.path}" not in there
        ]
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        return f"{lost[0]} is gone{more}" if lost else None

    @property
    def upload_bytes(self) -> int:
        """What its unfinished uploads hold."""
        return sum(upload.size_bytes for upload in self.uploads)

    @property
    def all_bytes(self) -> int:
        """Everything that costs storage."""
        return self.size_bytes + self.upload_bytes


@dataclass(frozen=True, kw_only=True)
class InUse:
    """Who needs which snapshots.

    locks          by snapshot: the environments whose lock names it
    repositories   by repository: the environments whose lock names it without a commit, as a sandbox may
    models         by snapshot: the SageMaker models that load it
    executions     names of the stager's executions that run
    """

    locks: Mapping[SnapshotId, tuple[str, ...]] = field(default_factory=dict)
    repositories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    models: Mapping[SnapshotId, tuple[str, ...]] = field(default_factory=dict)
    executions: Collection[str] = ()


@dataclass(frozen=True)
class PrunePlan:
    """What to remove, and what stays for which reasons."""

    remove: tuple[StoredSnapshot, ...]
    keep: Mapping[SnapshotId, tuple[str, ...]]

    @property
    def size_bytes(self) -> int:
        """What removing frees."""
        return sum(stored.all_bytes for stored in self.remove)


def plan_prune(stored: Iterable[StoredSnapshot], in_use: InUse, now: dt.datetime) -> PrunePlan:
    """Everything goes that nobody needs; `now` is a time with its zone."""
    keep: dict[SnapshotId, tuple[str, ...]] = {}
    remove: list[StoredSnapshot] = []
    for one in stored:
        if reasons := reasons_to_keep(one, in_use, now):
            keep[one.snapshot] = reasons
        else:
            remove.append(one)
    return PrunePlan(tuple(remove), keep)


def reasons_to_keep(stored: StoredSnapshot, in_use: InUse, now: dt.datetime) -> tuple[str, ...]:
    """Who needs it: locks, models, a staging that goes on; or that it is of today. None when it may go."""
    snapshot = stored.snapshot
    locks = {*in_use.locks.get(snapshot, ()), *in_use.repositories.get(snapshot.repository, ())}
    reasons = [f"lock of {name}" for name in sorted(locks)]
    reasons += [f"{_MODEL}{name}" for name in in_use.models.get(snapshot, ())]
    if _is_being_staged(snapshot, in_use):
        reasons.append("is being staged")
    age = now - stored.last_written
    if not reasons and age < _QUIET:
        # Its lock may lie in somebody's branch, and its models in a deploy that has just begun. An unfinished one may
        # be under way from a folder, which that person's machine alone knows of.
        whole = stored.manifest is not None
        reasons.append(f"staged {_ago(age)}" if whole else "was written to in the last 24 hours")
    return tuple(reasons)


def not_loadable(stored: Iterable[StoredSnapshot], in_use: InUse) -> dict[SnapshotId, str]:
    """Snapshots that models load and that are not whole: why, by snapshot. Those that are being staged are left out."""
    problems = {one.snapshot: one.problem for one in stored}
    return {
        snapshot: problem
        for snapshot in sorted(in_use.models)
        if (problem := problems.get(snapshot, "nothing is there")) and not _is_being_staged(snapshot, in_use)
    }


def _is_being_staged(snapshot: SnapshotId, in_use: InUse) -> bool:
    return any(name.startswith(f"{execution_id(snapshot)}-") for name in in_use.executions)


def _ago(age: dt.timedelta) -> str:
    hours = int(age / dt.timedelta(hours=1))
    return "less than an hour ago" if hours < 1 else f"{hours} hour{'s'[: hours > 1]} ago"


def in_short(reasons: Sequence[str]) -> str:
    """Reasons for people: of many models the first, and how many more."""
    models = [reason for reason in reasons if reason.startswith(_MODEL)]
    if len(models) <= 1:
        return ", ".join(reasons)
    others = [reason for reason in reasons if not reason.startswith(_MODEL)]
    return ", ".join([*others, f"{models[0]} and {len(models) - 1} more"])


def usd_per_month(size_bytes: int, usd_per_gb_month: float | None) -> float | None:
    """What `size_bytes` cost; None where no price is known."""
    return None if usd_per_gb_month is None else size_bytes / _BYTES_PER_BILLED_GB * usd_per_gb_month
