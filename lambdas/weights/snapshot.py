"""What is staged, and where it lies in the bucket.

<repository>/<sha>/<file>                    the snapshot
_manifests/<repository>/<sha>.json           written last: only with it a snapshot is usable
_staging/<repository>/<sha>/verified/<file>.json   a file that was proved, with the ETag of the proved object
                           /attempts/...           what belongs to one attempt alone (see `attempt`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.weights.errors import BadRequest
from lambdas.weights.fields import integer, mapping, text

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,95})?")
_REVISION = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_BLOB = re.compile(r"[0-9a-f]{40}")
_PATH_CHARS = 512


@dataclass(frozen=True)
class Snapshot:
    """One commit of one repository. `of` and `parse` refuse what would lead out of its prefix."""

    repository: str
    revision: str

    @classmethod
    def parse(cls, document: object) -> Snapshot:
        """From `{"repository", "revision"}`. Raises `BadRequest`."""
        fields = mapping(document, "a snapshot")
        return cls.of(text(fields, "repository"), text(fields, "revision"))

    @classmethod
    def of(cls, repository: str, revision: str) -> Snapshot:
        """Raises `BadRequest` unless both are well formed."""
        if not _REPOSITORY.fullmatch(repository) or ".." in repository:
            raise BadRequest(f"{repository[:100]!r} is no repository of the Hub: owner/name")
        if not _REVISION.fullmatch(revision):
            raise BadRequest(f"{revision[:100]!r} is no commit: 40 lower-case hex digits")
        return cls(repository, revision)

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"

    @property
    def prefix(self) -> str:
        return f"{self.repository}/{self.revision}/"

    @property
    def staging(self) -> str:
        return f"_staging/{self.prefix}"

    @property
    def manifest_key(self) -> str:
        return f"_manifests/{self.repository}/{self.revision}.json"

    @property
    def attempts(self) -> str:
        return f"{self.staging}attempts/"

    def object_key(self, path: str) -> str:
        return f"{self.prefix}{checked_path(path)}"

    def verified_key(self, path: str) -> str:
        return f"{self.staging}verified/{checked_path(path)}.json"


@dataclass(frozen=True)
class FileFacts:
    """A file and what proves its bytes: the sha256 of LFS files, the git blob id of others, or both."""

    path: str
    size_bytes: int
    sha256: str | None = None
    git_blob: str | None = None

    @classmethod
    def parse(cls, document: object) -> FileFacts:
        """From a lock's, a plan's or a manifest's entry. Raises `BadRequest`."""
        fields = mapping(document, "a file")
        return cls(
            path=checked_path(text(fields, "path")),
            size_bytes=integer(fields, "size_bytes"),
            sha256=_digest(fields, "sha256", _SHA256),
            git_blob=_digest(fields, "git_blob", _GIT_BLOB),
        )._checked()

    def _checked(self) -> FileFacts:
        if self.sha256 is None and self.git_blob is None:
            raise BadRequest(f"{self.path}: neither sha256 nor git_blob, so nothing could prove it")
        return self

    @property
    def etag(self) -> str:
        """What the Hub names as the file's ETag: the sha256 of an LFS file, the blob id of another."""
        return self.sha256 or self.git_blob or ""

    def document(self) -> dict[str, object]:
        """As JSON takes it; `parse` reads it back."""
        digests = {"sha256": self.sha256, "git_blob": self.git_blob}
        return {
            "path": self.path,
            "size_bytes": self.size_bytes,
            **{name: value for name, value in digests.items() if value},
        }


def checked_path(path: str) -> str:
    """`path` when it is one of a file below a snapshot. Raises `BadRequest`."""
    if not is_path(path):
        raise BadRequest(f"{path[:100]!r} is no path of a file below a snapshot")
    return path


def is_path(path: str) -> bool:
    """Whether it is relative, stays below its folder and is printable."""
    return (
        0 < len(path) <= _PATH_CHARS
        and "\\" not in path
        and path.isprintable()
        and not any(part in ("", ".", "..") for part in path.split("/"))
    )


def _digest(fields: Mapping[str, object], name: str, shape: re.Pattern[str]) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise BadRequest(f"{name}: lower-case hex digits, got {str(value)[:80]!r}")
    return value
