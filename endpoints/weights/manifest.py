"""The manifest of a staged snapshot: which files it has, and the digests that were proved before it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from endpoints.catalogue.schema.base import CommitSha, NonEmpty, Record, RepositoryId
from endpoints.errors import RemoteError
from endpoints.locks.paths import FilePath
from endpoints.locks.schema import GitBlob, LockedFile, Sha256, SizeBytes
from endpoints.weights.layout import SnapshotId


class StagedFile(Record):
    """One file; `git_blob` is the Hub's id of a file that it keeps in git itself."""

    path: FilePath
    size_bytes: SizeBytes
    sha256: Sha256
    git_blob: GitBlob | None = None


class Manifest(Record):
    """A complete snapshot. `staged_at` is a time in UTC as ISO 8601 writes it."""

    version: Literal[1] = 1
    repository: RepositoryId
    revision: CommitSha
    files: Annotated[tuple[StagedFile, ...], Field(min_length=1)]
    total_bytes: SizeBytes
    staged_from: NonEmpty
    staged_at: NonEmpty

    @model_validator(mode="after")
    def _files_add_up(self) -> Self:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise ValueError("files: each once, sorted by path")
        if self.total_bytes != sum(file.size_bytes for file in self.files):
            raise ValueError("total_bytes: the sum of the files")
        return self

    @classmethod
    def of(
        cls, snapshot: SnapshotId, files: Iterable[StagedFile], *, staged_from: str, staged_at: str
    ) -> Self:
        """A manifest over `files` in any order."""
        ordered = tuple(sorted(files, key=lambda file: file.path))
        return cls(
            repository=snapshot.repository,
            revision=snapshot.revision,
            files=ordered,
            total_bytes=sum(file.size_bytes for file in ordered),
            staged_from=staged_from,
            staged_at=staged_at,
        )

    def to_json(self) -> str:
        """As it lies in the bucket; a file without a git blob has no such member."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), indent=1)


def read_manifest(text: str | bytes, where: str) -> Manifest:
    """Raises `RemoteError` when it is none; `where` names the object."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the document"
        raise RemoteError(
            f"{where} is not a manifest: {path}: {first['msg']}",
            remedy="Was it written by hand or by a newer version? Delete it, and stage the snapshot again.",
        ) from None


def missing_from(manifest: Manifest, files: Sequence[LockedFile]) -> tuple[str, ...]:
    """Files that a lock names and the staged snapshot does not have."""
    return tuple(sorted({file.path for file in files} - {file.path for file in manifest.files}))


def lost_from(manifest: Manifest, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Which of its files do not lie in the bucket as they were proved; `sizes` in bytes, by file name."""
    return tuple(
        f"{file.path} is gone" if file.path not in sizes else f"{file.path} has another size"
        for file in manifest.files
        if sizes.get(file.path) != file.size_bytes
    )


def contradicted_by(manifest: Manifest, files: Sequence[LockedFile]) -> tuple[str, ...]:
    """Files whose staged content is not what a lock names. Git's id names what the Hub keeps in git."""
    staged = {file.path: file for file in manifest.files}
    return tuple(file.path for file in files if file.path in staged and not _is_met(file, staged[file.path]))


def _is_met(locked: LockedFile, staged: StagedFile) -> bool:
    same_bytes = (
        locked.git_blob == staged.git_blob if locked.sha256 is None else locked.sha256 == staged.sha256
    )
    return same_bytes and locked.size_bytes == staged.size_bytes
