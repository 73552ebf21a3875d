"""A model repository: folders on disk by commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from endpoints.local.hub.digests import Digests
from endpoints.local.hub.files import HubFile, hub_file

# What downloading programs leave in a folder; on the Hub it would not be there.
_NOT_COMMITTED: Final = frozenset({".git", ".cache"})


@dataclass(frozen=True)
class HubRepository:
    """`commits` maps a sha (40 hex) to the folder with its files; `branches` names commits, `main` the last one.

    `holds` tells which files of the folder belong to it, by path; `digests` may be shared, or kept on disk.
    """

    repo_id: str  # owner/name
    commits: Mapping[str, Path]
    branches: Mapping[str, str] = field(default_factory=dict)
    gated: Literal["auto", "manual"] | None = None
    private: bool = False
    licence: str | None = None
    holds: Callable[[str], bool] = lambda _: True
    digests: Digests = field(default_factory=Digests, compare=False)

    def commit(self, revision: str) -> str | None:
        """The sha that a branch or a full sha names; None when there is no such thing."""
        if revision in self.commits:
            return revision
        if revision == "main" and "main" not in self.branches:
            return list(self.commits)[-1]
        return self.branches.get(revision)

    def files(self, commit: str) -> tuple[HubFile, ...]:
        """Every file of a commit, by path. Hashes what was not hashed yet: slow for large files."""
        root = self.commits[commit]
        found = (path for path in root.rglob("*") if path.is_file() and self._is_committed(root, path))
        files = (hub_file(root, path, self.digests) for path in found)
        return tuple(sorted(files, key=lambda file: file.path))

    def file(self, commit: str, path: str) -> HubFile | None:
        """One file of a commit, without hashing the others; None when it has no such file."""
        root = self.commits[commit]
        location = root / path
        inside = location.parent.resolve().is_relative_to(root.resolve())
        if not inside or not location.is_file() or not self._is_committed(root, location):
            return None
        return hub_file(root, location, self.digests)

    def _is_committed(self, root: Path, location: Path) -> bool:
        path = location.relative_to(root)
        return not _NOT_COMMITTED.intersection(path.parts) and self.holds(path.as_posix())
