"""A snapshot that lies somewhere else, in a folder or in another bucket: where in there, and which files are taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from endpoints.errors import StagingError
from endpoints.locks.files import missing_files, selected
from endpoints.locks.schema import LockedFile
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile

_MOST_NAMED = 5


@dataclass(frozen=True)
class WantedFile:
    """A file to stage, and the digests that it must have; none where no lock names them."""

    path: str
    size_bytes: int
    sha256: str | None = None
    git_blob: str | None = None


def places_below(snapshot: SnapshotId) -> tuple[str, ...]:
    """Where people keep a snapshot below a folder: as this bucket does, by name, and as the Hub's own cache does."""
    cached = f"{cached_place(snapshot.repository)}/{snapshot.revision}"
    return (f"{snapshot.repository}/{snapshot.revision}", snapshot.repository, cached)


def cached_place(repository: str) -> str:
    """The folder of the Hub's own cache that holds a repository's commits."""
    return f"models--{repository.replace('/', '--')}/snapshots"


def is_one_models_folder(names: Iterable[str]) -> bool:
    """True for a folder that holds a model itself, instead of folders with models."""
    return any(name == "config.json" or ("/" not in name and name.endswith(".safetensors")) for name in names)


def names_snapshot(parts: Sequence[str]) -> SnapshotId | None:
    """What a path says by itself: the Hub's cache keeps a snapshot at `models--owner--name/snapshots/<sha>`."""
    for folder, snapshots, revision in zip(parts, parts[1:], parts[2:], strict=False):
        owner, _, name = folder.removeprefix("models--").partition("--")
        if folder.startswith("models--") and snapshots == "snapshots" and name:
            return SnapshotId(f"{owner}/{name}", revision)
    return None


def is_commit(name: str) -> bool:
    """Whether a folder is called as commits are."""
    return re.fullmatch(r"[0-9a-f]{40}", name) is not None


def download_of(snapshot: SnapshotId, where: str) -> str:
    """The command, for a shell, that puts the snapshot `where` it is looked for: a folder, or a bucket's prefix."""
    download = f"hf download {snapshot.repository} --revision {snapshot.revision}"
    cache, cached, _ = where.partition(f"/{cached_place(snapshot.repository)}")
    if where.startswith("s3://"):
        return f"{download} --local-dir FOLDER, then: aws s3 cp --recursive FOLDER {quote(where)}"
    return f"{download} --cache-dir {quote(cache)}" if cached else f"{download} --local-dir {quote(where)}"


def wanted_files(
    present: Mapping[str, int],
    locked: Sequence[LockedFile] | None,
    where: str,
    *,
    remedy: str | None = None,
) -> tuple[WantedFile, ...]:
    """What to take of the files that are `present` (sizes in bytes, by path).

    With the files of a lock: exactly those. Without: what an engine needs. Raises `StagingError` with that `remedy`
    when any is missing or has another size.
    """
    if locked is None:
        names = selected(present)
        _refuse(f"{where} is no whole model", [f"{name} is missing" for name in missing_files(names)], remedy)
        return tuple(WantedFile(name, present[name]) for name in names)
    faults = [
        f"{file.path} is missing"
        if file.path not in present
        else f"{file.path} has {present[file.path]:,} bytes instead of {file.size_bytes:,}"
        for file in locked
        if present.get(file.path) != file.size_bytes
    ]
    _refuse(f"{where} is not the snapshot that is locked", faults, remedy)
    return tuple(WantedFile(file.path, file.size_bytes, file.sha256, file.git_blob) for file in locked)


def not_proved(manifest: Manifest | None, wanted: Sequence[WantedFile]) -> tuple[WantedFile, ...]:
    """Those that no manifest has proved by a digest which is wanted: what is still to be copied."""
    sealed = {file.path: file for file in (manifest.files if manifest else ())}
    return tuple(file for file in wanted if not _is_proved(file, sealed.get(file.path)))


def _is_proved(wanted: WantedFile, sealed: StagedFile | None) -> bool:
    if sealed is None or sealed.size_bytes != wanted.size_bytes:
        return False
    digests = [(wanted.sha256, sealed.sha256), (wanted.git_blob, sealed.git_blob)]
    same = [ours == theirs for ours, theirs in digests if ours is not None and theirs is not None]
    return bool(same) and all(same)


def _refuse(what: str, faults: Sequence[str], remedy: str | None) -> None:
    if not faults:
        return
    named = "; ".join(faults[:_MOST_NAMED])
    more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
    raise StagingError(f"{what}: {named}{more}", remedy=remedy)
