"""A request to stage a snapshot, and which of the repository's files it means.

    {"repository", "revision",
     "files": [{"path", "size_bytes", "sha256" | "git_blob"}] | null,      what a lock has recorded
     "select": {"include": ["*.safetensors", ...], "exclude": [...]}}      the rule where it has not

Patterns are shell patterns over the names of the repository's top level; an exclusion wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from lambdas.weights.errors import BadRequest, HubFileChanged
from lambdas.weights.fields import items, mapping, texts
from lambdas.weights.snapshot import FileFacts, Snapshot


@dataclass(frozen=True)
class Selection:
    """Which files of a repository's top level an engine needs."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def parse(cls, document: object) -> Selection:
        fields = mapping(document, "select")
        return cls(
            texts(fields.get("include", []), "select.include"),
            texts(fields.get("exclude", []), "select.exclude"),
        )

    def takes(self, path: str) -> bool:
        return (
            "/" not in path
            and any(fnmatchcase(path, pattern) for pattern in self.include)
            and not any(fnmatchcase(path, pattern) for pattern in self.exclude)
        )


@dataclass(frozen=True)
class Request:
    """`files` is None where no lock has recorded them: then `select` decides."""

    snapshot: Snapshot
    files: tuple[FileFacts, ...] | None
    select: Selection

    @classmethod
    def parse(cls, document: object) -> Request:
        """Raises `BadRequest`."""
        fields = mapping(document, "a request")
        files = fields.get("files")
        select = fields.get("select")
        return cls(
            snapshot=Snapshot.parse(fields),
            files=None
            if files is None
            else _distinct(FileFacts.parse(file) for file in items(files, "files")),
            select=Selection() if select is None else Selection.parse(select),
        )

    def covered_by(self, known: Mapping[str, FileFacts]) -> bool:
        """Whether these proved files are all that is asked for. Raises `HubFileChanged` where one is another."""
        return self.files is None or not unproved(self.files, known)

    def chosen(self, listed: Mapping[str, FileFacts]) -> tuple[FileFacts, ...]:
        """The files to stage, given what the Hub lists at the commit.

        Raises `HubFileChanged` where a recorded file is not what the Hub has, `BadRequest` where nothing is chosen.
        """
        if self.files is None:
            chosen = tuple(file for path, file in sorted(listed.items()) if self.select.takes(path))
        else:
            chosen = tuple(self._on_the_hub(file, listed) for file in self.files)
        if not chosen:
            raise BadRequest(f"{self.snapshot}: the selection takes none of the repository's files")
        return chosen

    def _on_the_hub(self, file: FileFacts, listed: Mapping[str, FileFacts]) -> FileFacts:
        if file.path not in listed:
            raise HubFileChanged(f"{self.snapshot}: {file.path} is in the lock file but not on the Hub")
        return agreed(file, listed[file.path], f"the Hub's {self.snapshot}")


def agreed(wanted: FileFacts, found: FileFacts, where: str) -> FileFacts:
    """Both descriptions of one file as one. Raises `HubFileChanged` where they contradict each other."""
    for name in ("size_bytes", "sha256", "git_blob"):
        ours, theirs = getattr(wanted, name), getattr(found, name)
        if ours is not None and theirs is not None and ours != theirs:
            raise HubFileChanged(f"{where} has another {name} of {wanted.path}: {theirs}, recorded is {ours}")
    return replace(found, sha256=found.sha256 or wanted.sha256, git_blob=found.git_blob or wanted.git_blob)


def unproved(wanted: Iterable[FileFacts], known: Mapping[str, FileFacts]) -> list[FileFacts]:
    """Those that are not among the proved files `known`, or that were proved by no digest that is asked for.

    Raises `HubFileChanged` where a proved file is another one.
    """
    missing = []
    for file in wanted:
        found = known.get(file.path)
        if found is not None:
            agreed(file, found, "the staged snapshot")
        digests = [] if found is None else [(file.sha256, found.sha256), (file.git_blob, found.git_blob)]
        if not any(ours is not None and ours == theirs for ours, theirs in digests):
            missing.append(file)
    return missing


def _distinct(files: Iterable[FileFacts]) -> tuple[FileFacts, ...]:
    by_path: dict[str, FileFacts] = {}
    for file in files:
        if by_path.setdefault(file.path, file) != file:
            raise BadRequest(f"files: {file.path} stands there twice")
    return tuple(by_path[path] for path in sorted(by_path))
