"""From a lock file to a checked lock; every mistake in it is reported at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from endpoints.catalogue.faults import Fault, shown
from endpoints.catalogue.reading import read_document, read_items
from endpoints.errors import LockError
from endpoints.locks.schema import VERSION, Lock, LockedCandidate, LockedSnapshot

LOCKS_FOLDER: Final = Path(__file__).resolve().parents[2] / "locks"
"""Where the locks of the environments lie, beside the app."""

_SCALARS: Final = frozenset({"version", "environment"})


class InvalidLockError(LockError):
    """A lock file is wrong in itself; `faults` holds every mistake that was found."""

    def __init__(self, path: Path, environment: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(
            f"{count} in {path}:\n" + "\n".join(f"  {fault}" for fault in self.faults),
            remedy=f"Restore the file from git, or write it anew: adept lock --env {environment}",
        )


def lock_path(environment: str, folder: Path = LOCKS_FOLDER) -> Path:
    """Where the lock of an environment lies."""
    return folder / f"{environment}.lock.yaml"


def read_lock(environment: str, path: Path | None = None) -> Lock:
    """The lock of `environment`, from `path` or from where it belongs.

    Raises LockError when there is none, InvalidLockError with every fault when it is wrong in itself.
    """
    path = path or lock_path(environment)
    if not path.exists():
        raise LockError(
            f"{environment} has no lock file: {path} is missing",
            remedy=f"Write it: adept lock --env {environment}",
        )
    faults: list[Fault] = []
    document = read_document(path, "candidates", faults, also=_SCALARS | {"snapshots"})
    if faults and not _SCALARS & document.keys():
        raise InvalidLockError(path, environment, faults)  # nothing of it could be read
    faults += _scalar_faults(path.name, document, environment)
    if not isinstance(document.get("snapshots"), list):
        faults.append(Fault(path.name, "snapshots", shown(document.get("snapshots")), "a list"))
        document["snapshots"] = []
    snapshots = read_items(path.name, "snapshots", document["snapshots"], LockedSnapshot, faults)
    candidates = read_items(path.name, "candidates", document["candidates"], LockedCandidate, faults)
    locked_snapshots = [item.record for item in snapshots if item.record]
    locked_candidates = [item.record for item in candidates if item.record]
    if not faults:
        faults += _duplicates(path.name, "snapshots", (one.name for one in locked_snapshots))
        faults += _duplicates(path.name, "candidates", (" ".join(one.place) for one in locked_candidates))
        faults += _without_snapshot(path.name, locked_snapshots, locked_candidates)
    if faults:
        raise InvalidLockError(path, environment, faults)
    return Lock(
        environment=environment, snapshots=tuple(locked_snapshots), candidates=tuple(locked_candidates)
    )


def _scalar_faults(file: str, document: dict[str, Any], environment: str) -> list[Fault]:
    wanted: dict[str, Any] = {"version": VERSION, "environment": environment}
    return [
        Fault(file, name, shown(document.get(name)), repr(value))
        for name, value in wanted.items()
        if document.get(name) != value
    ]


def _duplicates(file: str, key: str, names: Iterable[Hashable]) -> list[Fault]:
    return [
        Fault(file, key, f"{shown(name)} {count} times", "each once")
        for name, count in Counter(names).items()
        if count > 1
    ]


def _without_snapshot(
    file: str, snapshots: Sequence[LockedSnapshot], candidates: Sequence[LockedCandidate]
) -> list[Fault]:
    known = {(snapshot.repository, snapshot.revision) for snapshot in snapshots}
    return [
        Fault(
            file,
            f"candidates[{position}].revision",
            f"{candidate.weights} at {candidate.revision}",
            "a commit that stands under snapshots",
        )
        for position, candidate in enumerate(candidates)
        if candidate.source not in known
    ]
