"""What the Hub says of a snapshot, written into a lock; what was recorded once must come back the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from endpoints.catalogue import ModelFacts
from endpoints.errors import LockError
from endpoints.locks.files import missing_files
from endpoints.locks.schema import LockedFile, LockedSnapshot


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A repository at a commit, by the Hub's word. `licence` is its tag, `files` are those that an engine needs."""

    repository: str
    revision: str
    licence: str | None
    gated: bool
    files: tuple[LockedFile, ...]


def recorded(snapshot: LockedSnapshot, listing: Listing, facts: ModelFacts | None) -> LockedSnapshot:
    """`snapshot` with the files that an engine needs, and with licence and gate as they are now.

    Raises LockError when recorded files of the same commit have other bytes, or when it cannot be served.
    """
    if snapshot.files is not None:
        _require_same_bytes(snapshot, snapshot.files, listing)
    files = tuple(sorted(listing.files, key=lambda file: file.path))
    missing = missing_files(file.path for file in files)
    if missing:
        raise LockError(
            f"{snapshot.name} cannot be served: it has no {', '.join(missing)}",
            remedy="Weights are loaded from safetensors only, never from pickles. Choose another commit or repository.",
        )
    return LockedSnapshot(
        repository=snapshot.repository,
        revision=snapshot.revision,
        licence=_licence(listing.licence, facts) or snapshot.licence,
        gated=listing.gated,
        total_bytes=sum(file.size_bytes for file in files),
        files=files,
    )


def byte_differences(recorded_files: Iterable[LockedFile], found: Iterable[LockedFile]) -> tuple[str, ...]:
    """Where two lists of the same commit's files cannot both be true; a file that only one has a digest of is no proof.

    Files that only `found` has are no contradiction: not every file is needed.
    """
    return tuple(_byte_differences(recorded_files, {file.path: file for file in found}))


def _byte_differences(recorded_files: Iterable[LockedFile], found: dict[str, LockedFile]) -> Iterator[str]:
    for file in recorded_files:
        other = found.get(file.path)
        if other is None:
            yield f"{file.path} is missing"
        elif other.size_bytes != file.size_bytes:
            yield f"{file.path} has {other.size_bytes} bytes, recorded are {file.size_bytes}"
        else:
            for name in ("sha256", "git_blob"):
                mine, its = getattr(file, name), getattr(other, name)
                if None not in (mine, its) and mine != its:
                    yield f"{file.path} has {name} {its}, recorded is {mine}"


def _require_same_bytes(snapshot: LockedSnapshot, files: tuple[LockedFile, ...], listing: Listing) -> None:
    found = byte_differences(files, listing.files)
    if found:
        raise LockError(
            f"the Hub lists other bytes for {snapshot.name} than those that were recorded:\n"
            + "\n".join(f"  {one}" for one in found),
            remedy="The bytes of a commit cannot change: find out who answers as the Hub before you trust either.",
        )


def _licence(tag: str | None, facts: ModelFacts | None) -> str | None:
    """The catalogue's word for the licence while the Hub means the same by its tag."""
    if tag is None or facts is None or facts.licence.id is None:
        return tag
    known = {name.lower() for name in (facts.licence.id, facts.licence.hub_tag) if name}
    return facts.licence.id if tag.lower() in known else tag
