"""Reading a snapshot's files from a folder or from another bucket, any range of them, from many threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors
from endpoints.errors import StagingError
from endpoints.weights.layout import SnapshotId
from endpoints.weights.sources import (
    cached_place,
    is_commit,
    is_one_models_folder,
    names_snapshot,
    places_below,
)

THREADS: Final = 16
_NOT_COMMITTED: Final = frozenset({".git", ".cache"})  # what downloading programs leave in a folder


class SnapshotSource(Protocol):
    """One snapshot's files."""

    @property
    def name(self) -> str:
        """As people know it."""

    @property
    def recorded_as(self) -> str:
        """As the manifest names where the bytes came from: no path of anybody's machine."""

    def sizes(self) -> Mapping[str, int]:
        """Size in bytes by path."""

    def read(self, path: str, start: int, length: int) -> bytes:
        """Exactly these bytes. Raises `AdeptError` when they cannot be read, or are not there any more."""


class SourceTree(Protocol):
    """A place that holds snapshots."""

    @property
    def name(self) -> str:
        """As people know it."""

    def source_of(self, snapshot: SnapshotId, *, alone: bool) -> SnapshotSource | None:
        """Where `snapshot` lies in there; `alone`: what lies there without a name can be no other. None: nowhere.

        A place that is called after it counts even when it holds only some of its files: then those are told.
        """

    def commits_of(self, repository: str) -> tuple[str, ...]:
        """The commits of a repository for which there is a folder, sorted."""


@dataclass(frozen=True)
class Folder:
    """A folder with models, or one model's own folder. Raises `StagingError` when there is no such folder."""

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise StagingError(
                f"there is no folder {self.root}",
                remedy="Give a folder that holds <repository>/ folders, or the files of one model.",
            )

    @property
    def name(self) -> str:
        return str(self.root)

    def source_of(self, snapshot: SnapshotId, *, alone: bool) -> FolderSource | None:
        places = [self.root / place for place in places_below(snapshot)]
        named = names_snapshot(self.root.resolve().parts)
        own = [self.root] if (alone if named is None else named == snapshot) else []
        held = {place: names for place in (*places, *own) if place.is_dir() and (names := _names(place))}
        whole = [place for place, names in held.items() if is_one_models_folder(names)]
        found = next(iter(whole), None) or next((place for place in places if place in held), None)
        return None if found is None else FolderSource(found)

    def commits_of(self, repository: str) -> tuple[str, ...]:
        places = (self.root / place for place in (repository, cached_place(repository)))
        with _file_errors(self.root):
            names = [
                path.name for place in places if place.is_dir() for path in place.iterdir() if path.is_dir()
            ]
        return tuple(sorted(filter(is_commit, names)))


@dataclass(frozen=True)
class FolderSource:
    """Files below `root`; links are followed, as the Hub's cache is made of them."""

    root: Path

    @property
    def name(self) -> str:
        return str(self.root)

    @property
    def recorded_as(self) -> str:
        return "folder"

    def sizes(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        with _file_errors(self.root):
            for path in self.root.rglob("*"):
                relative = path.relative_to(self.root)
                if path.is_file() and not _NOT_COMMITTED.intersection(relative.parts):
                    found[relative.as_posix()] = path.stat().st_size
        return found

    def read(self, path: str, start: int, length: int) -> bytes:
        location = self.root / path
        with _file_errors(location), location.open("rb") as file:
            file.seek(start)
            data = file.read(length)
        return _complete(data, length, str(location))


@dataclass(frozen=True)
class BucketPrefix:
    """`s3://bucket/prefix`, read with the credentials of `account`."""

    account: Account
    bucket: str
    prefix: str
    client: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "client", self.account.transfer_client(threads=THREADS))

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def source_of(self, snapshot: SnapshotId, *, alone: bool) -> BucketSource | None:
        places = [self._place(place) for place in places_below(snapshot)]
        if whole := next((source for source in places if is_one_models_folder(source.objects)), None):
            return whole
        if alone and self.prefix:  # only then: it may hold all that the bucket holds
            own = self._source(f"{self.prefix}/")
            if is_one_models_folder(own.objects):
                return own
        return next((source for source in places if source.has_files), None)

    def commits_of(self, repository: str) -> tuple[str, ...]:
        places = (self._place(place) for place in (repository, cached_place(repository)))
        names = {path.partition("/")[0] for place in places for path in place.objects}
        return tuple(sorted(filter(is_commit, names)))

    def _place(self, place: str) -> BucketSource:
        return self._source(f"{self.prefix}/{place}/" if self.prefix else f"{place}/")

    def _source(self, prefix: str) -> BucketSource:
        where = f"s3://{self.bucket}/{prefix}"
        found: dict[str, tuple[int, str]] = {}
        with aws_errors(f"list {where}", endpoint_url=self.account.endpoint_url):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                for stored in page.get("Contents", []):
                    if name := str(stored["Key"]).removeprefix(prefix):
                        found[name] = (int(stored["Size"]), str(stored["ETag"]))
        return BucketSource(self, prefix, found)


@dataclass(frozen=True)
class BucketSource:
    """Objects below `prefix`, as they were when they were listed: one that is replaced since is refused.

    `objects` are sizes in bytes and ETags by path.
    """

    tree: BucketPrefix
    prefix: str
    objects: Mapping[str, tuple[int, str]] = field(repr=False)

    @property
    def name(self) -> str:
        return f"s3://{self.tree.bucket}/{self.prefix}"

    @property
    def has_files(self) -> bool:
        """Whether it holds objects of its own, and not only below."""
        return any("/" not in path for path in self.objects)

    @property
    def recorded_as(self) -> str:
        return self.tree.name

    def sizes(self) -> Mapping[str, int]:
        return {path: size for path, (size, _) in self.objects.items()}

    def read(self, path: str, start: int, length: int) -> bytes:
        if length == 0:
            return b""  # there is no range of nothing
        where = f"{self.name}{path}"
        with aws_errors(f"read {where}", endpoint_url=self.tree.account.endpoint_url):
            answer = self.tree.client.get_object(
                Bucket=self.tree.bucket,
                Key=f"{self.prefix}{path}",
                Range=f"bytes={start}-{start + length - 1}",
                IfMatch=self.objects[path][1],
            )
            data: bytes = answer["Body"].read()
        return _complete(data, length, where)


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StagingError(f"cannot read {path}: {error.strerror or type(error).__name__}") from error


def _names(folder: Path) -> tuple[str, ...]:
    with _file_errors(folder):
        return tuple(path.name for path in folder.iterdir() if path.is_file())


def _complete(data: bytes, length: int, where: str) -> bytes:
    if len(data) != length:
        raise StagingError(
            f"{where} became shorter while it was read",
            remedy="Something writes to it. Run this again when it is done: what is in the bucket is not copied twice.",
        )
    return data
