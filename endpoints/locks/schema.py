"""The schema of a lock file: which bytes an environment runs, in which image, on which host, with which settings."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from endpoints.catalogue.schema import (
    CandidateRole,
    Engine,
    EnvironmentName,
    KvCacheDtype,
    Quantisation,
    Record,
)
from endpoints.catalogue.schema.base import (
    CommitSha,
    InstanceType,
    NonEmpty,
    Positive,
    RepositoryId,
    UseCaseId,
)
from endpoints.catalogue.schema.containers import ImageDigest
from endpoints.locks.paths import FilePath

VERSION = 1

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a file's bytes, in hexadecimal."""

GitBlob = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""Git's id of a file: SHA-1 of `blob <size>\\0` and the bytes."""

SizeBytes = Annotated[int, Field(ge=0)]


class PinnedBy(StrEnum):
    """Who chose a candidate's commit."""

    CATALOGUE = "catalogue"  # the catalogue's pin
    LOCK = "lock"  # `adept lock --revision`: the environment runs another commit than the catalogue pins


class LockedFile(Record):
    """One file of a snapshot. The Hub names SHA-256 for files in LFS, and the git blob for the others."""

    path: FilePath
    size_bytes: SizeBytes
    sha256: Sha256 | None = None
    git_blob: GitBlob | None = None

    @model_validator(mode="after")
    def _bytes_are_named(self) -> Self:
        if self.sha256 is None and self.git_blob is None:
            raise ValueError("sha256 or git_blob: a size alone proves nothing")
        return self


class LockedSnapshot(Record):
    """One repository at one commit, as the Hub described it when it was locked.

    `files` and `total_bytes` are None together: the commit fixes every byte, but nobody has listed them yet.
    `revision` is None only in a sandbox: then whatever the repository holds is loaded.
    """

    repository: RepositoryId
    revision: CommitSha | None
    licence: NonEmpty | None
    gated: bool | None
    total_bytes: SizeBytes | None = None
    files: tuple[LockedFile, ...] | None = None

    @model_validator(mode="after")
    def _files_add_up(self) -> Self:
        if (self.files is None) != (self.total_bytes is None):
            raise ValueError("total_bytes and files: both or neither")
        if self.files is None:
            return self
        if self.revision is None:
            raise ValueError("files: null without a revision, because a branch has no fixed files")
        paths = [file.path for file in self.files]
        if not paths:
            raise ValueError("files: at least one, or null while they are not known")
        if paths != sorted(set(paths)):
            raise ValueError("files: by path, each once")
        if self.total_bytes != sum(file.size_bytes for file in self.files):
            raise ValueError(f"total_bytes: the files' sum, {sum(file.size_bytes for file in self.files)}")
        return self

    @property
    def key(self) -> str:
        """`<repository>/<commit sha>`: where its bytes lie in the weights' bucket.

        Raises ValueError when no commit is pinned.
        """
        if self.revision is None:
            raise ValueError(f"{self.repository} is not pinned to a commit")
        return f"{self.repository}/{self.revision}"

    @property
    def name(self) -> str:
        """`<repository>@<commit sha>`, or the repository alone."""
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


class LockedImage(Record):
    """A container image in AWS's registries; `digest` once somebody asked ECR what the tag means."""

    repository: NonEmpty
    tag: NonEmpty
    digest: ImageDigest | None = None


class LockedSettings(Record):
    """What of a candidate changes how it behaves, besides its bytes, its image and its host."""

    instance_type: InstanceType
    fallback_instance_types: tuple[InstanceType, ...] = ()
    gpu_count: Positive
    quantisation: Quantisation
    kv_cache_dtype: KvCacheDtype
    max_input_tokens: Positive
    max_total_tokens: Positive
    max_batch_prefill_tokens: Positive | None = None
    gpu_memory_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    tool_call_parser: NonEmpty | None = None


class LockedCandidate(Record):
    """What one candidate of one use case runs. `model` is what is meant, `weights` the repository whose bytes run."""

    use_case: UseCaseId
    role: CandidateRole
    model: RepositoryId
    weights: RepositoryId
    revision: CommitSha | None
    pinned_by: PinnedBy
    engine: Engine
    image: LockedImage
    host_ami: NonEmpty
    settings: LockedSettings

    @property
    def place(self) -> tuple[str, CandidateRole]:
        """Use case and role: what tells candidates of a lock apart."""
        return self.use_case, self.role

    @property
    def source(self) -> tuple[str, str | None]:
        """Repository and commit: what tells snapshots of a lock apart."""
        return self.weights, self.revision


class Lock(Record):
    """Everything that an environment runs. Snapshots by repository and commit, candidates by use case and role."""

    version: Literal[1] = 1
    environment: EnvironmentName
    snapshots: tuple[LockedSnapshot, ...]
    candidates: tuple[LockedCandidate, ...]

    @classmethod
    def of(
        cls, environment: str, snapshots: Iterable[LockedSnapshot], candidates: Iterable[LockedCandidate]
    ) -> Lock:
        """In canonical order, without snapshots that no candidate runs."""
        ordered = sorted(candidates, key=lambda one: (one.use_case, list(CandidateRole).index(one.role)))
        used = {candidate.source for candidate in ordered}
        kept = {source: one for one in snapshots if (source := (one.repository, one.revision)) in used}
        return cls(
            environment=environment,
            snapshots=tuple(sorted(kept.values(), key=lambda one: (one.repository, one.revision or ""))),
            candidates=tuple(ordered),
        )

    def candidate(self, use_case: str, role: CandidateRole) -> LockedCandidate | None:
        """What is locked for this candidate; None when nothing is."""
        return self.by_place.get((use_case, role))

    def snapshot(self, candidate: LockedCandidate) -> LockedSnapshot | None:
        """The bytes that `candidate` runs; None when the lock does not list them."""
        return self.by_source.get(candidate.source)

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """Snapshots of which no files are listed: whether their commits exist, no Hub has been asked for this lock."""
        return tuple(one.name for one in self.snapshots if one.revision and one.files is None)

    @cached_property
    def by_place(self) -> dict[tuple[str, CandidateRole], LockedCandidate]:
        """Candidates by use case and role."""
        return {candidate.place: candidate for candidate in self.candidates}

    @cached_property
    def by_source(self) -> dict[tuple[str, str | None], LockedSnapshot]:
        """Snapshots by repository and commit."""
        return {(snapshot.repository, snapshot.revision): snapshot for snapshot in self.snapshots}
