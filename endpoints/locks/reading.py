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

LOCAL_LOCK: Final = "ADEPT_LOCAL_LOCK"
"""The variable that names the lock of what an embedded AWS really serves; without it the committed one holds."""

_SCALARS: Final = frozenset({"version", "environment"})


class InvalidLockError(LockError):
    """A lock file is wrong in itself; `faults` holds every mistake that was found."""

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(
            f"{count} in {path}:\n" + "\n".join(f"  {fault}" for fault in self.faults),
            remedy="Restore the file from git, or remove it and write it anew with `adept lock`.",
        )


def lock_path(environment: str) -> Path:
    """Where the lock of an environment lies."""
    return LOCKS_FOLDER / f"{environment}.lock.yaml"


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
    return _read(path, environment)


def read_lock_file(path: Path) -> Lock:
    """The lock in a file, whatever environment it is of. Raises LockError and InvalidLockError."""
    if not path.exists():
        raise LockError(f"there is no lock file {path}")
    return _read(path, None)


def _read(path: Path, environment: str | None) -> Lock:
    faults: list[Fault] = []
    document = read_document(path, "candidates", faults, also=_SCALARS | {"snapshots"})
    if faults and not _SCALARS & document.keys():
        raise InvalidLockError(path, faults)  # nothing of it could be read
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
        raise InvalidLockError(path, faults)
    return Lock(
        environment=document["environment"],
        snapshots=tuple(locked_snapshots),
        candidates=tuple(locked_candidates),
    )


def _scalar_faults(file: str, document: dict[str, Any], environment: str | None) -> list[Fault]:
    faults = []
    if document.get("version") != VERSION:
        faults.append(Fault(file, "version", shown(document.get("version")), repr(VERSION)))
    name = document.get("environment")
    if environment is None and not isinstance(name, str):
        faults.append(Fault(file, "environment", shown(name), "the name of an environment"))
    elif environment not in (None, name):
        faults.append(Fault(file, "environment", shown(name), repr(environment)))
    return faults


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
