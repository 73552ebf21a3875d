"""What a copy from a folder or bucket writes down, so that the next run goes on where this one was broken off.

_staging/<repository>/<sha>/from/uploads/<file>.json    the multipart upload that was begun for a file
_staging/<repository>/<sha>/from/verified/<file>.json   a file that was proved, and the ETag of the proved object
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from endpoints.adapters.weights_store import WeightsStore
from endpoints.catalogue.schema import Record
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import StagedFile

R = TypeVar("R", bound=Record)


class BegunUpload(Record):
    """A multipart upload, and how the file was cut."""

    upload_id: str
    part_bytes: int


class ProvedFile(Record):
    """A file whose digest was the right one when the object got this ETag."""

    file: StagedFile
    etag: str


@dataclass(frozen=True)
class UploadNotes:
    """Notes about one snapshot. A note that cannot be read counts as none: then the work is done once more."""

    store: WeightsStore
    snapshot: SnapshotId

    def upload(self, path: str) -> tuple[BegunUpload, Mapping[int, Mapping[str, Any]]] | None:
        """The upload that was begun for a file, and its parts by number; None when it is not there any more."""
        begun = self._read(BegunUpload, self._upload_key(path))
        if begun is None:
            return None
        parts = self.store.parts(f"{self.snapshot.prefix}{path}", begun.upload_id)
        if parts is None:
            return None
        return begun, {int(part["PartNumber"]): part for part in parts}

    def note_upload(self, path: str, upload: BegunUpload) -> None:
        """Before the first part is sent."""
        self._write(self._upload_key(path), upload)

    def forget_upload(self, path: str) -> None:
        """It is finished, or was given up."""
        self.store.delete_keys([self._upload_key(path)])

    def proved(self, path: str) -> StagedFile | None:
        """A file that was proved, if the bucket still holds that very object."""
        note = self._read(ProvedFile, self._proved_key(path))
        if note is None or self.store.etag(f"{self.snapshot.prefix}{path}") != note.etag:
            return None
        return note.file

    def note_proved(self, file: StagedFile, etag: str) -> None:
        """After the object became visible."""
        self._write(self._proved_key(file.path), ProvedFile(file=file, etag=etag))

    def _upload_key(self, path: str) -> str:
        return f"{self.snapshot.staging_prefix}from/uploads/{path}.json"

    def _proved_key(self, path: str) -> str:
        return f"{self.snapshot.staging_prefix}from/verified/{path}.json"

    def _write(self, key: str, note: Record) -> None:
        self.store.write(key, note.model_dump_json().encode())

    def _read(self, kind: type[R], key: str) -> R | None:
        body = self.store.read(key)
        if body is None:
            return None
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            return None
