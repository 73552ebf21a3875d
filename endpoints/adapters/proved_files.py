"""Marks for files that were proved, so that the next run does not copy them again: `_staging/.../verified/<file>.json`.

The stager leaves the same marks: a snapshot that one has begun the other can finish.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from endpoints.adapters.weights_store import WeightsStore
from endpoints.catalogue.schema import Record
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import StagedFile


class Mark(Record):
    """A file whose digests were the right ones when the object got this ETag."""

    file: StagedFile
    etag: str


@dataclass(frozen=True)
class ProvedFiles:
    """The marks of one snapshot. One that cannot be read counts as none: then the file is copied once more."""

    store: WeightsStore
    snapshot: SnapshotId

    def get(self, path: str) -> StagedFile | None:
        """A file that was proved, if the bucket still holds that very object."""
        body = self.store.read(self._key(path))
        try:
            mark = None if body is None else Mark.model_validate_json(body)
        except ValidationError:
            return None
        if mark is None or self.store.etag(f"{self.snapshot.prefix}{path}") != mark.etag:
            return None
        return mark.file

    def replaced(self, files: Iterable[StagedFile]) -> tuple[str, ...]:
        """Those of which the bucket holds by now another object than the one that was proved."""
        now = {file: self.get(file.path) for file in files}
        return tuple(file.path for file, found in now.items() if found is None or found.sha256 != file.sha256)

    def add(self, file: StagedFile, etag: str) -> None:
        """After the object became visible."""
        mark = Mark(file=file, etag=etag)
        self.store.write(self._key(file.path), mark.model_dump_json(exclude_none=True).encode())

    def _key(self, path: str) -> str:
        return f"{self.snapshot.staging_prefix}verified/{path}.json"
