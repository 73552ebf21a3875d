"""Digests of a file while its bytes go by, and what they prove."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from lambdas.weights.errors import DigestMismatch
from lambdas.weights.snapshot import FileFacts, Snapshot


class Digests:
    """The sha256 and, where a file is to be proved by it, the git blob id: sha1 of "blob <size>\\0" and the bytes."""

    def __init__(self, file: FileFacts) -> None:
        self._file = file
        self._size_bytes = 0
        self._sha256 = hashlib.sha256()
        # What git calls a file; nobody's security rests on it, and the sha256 of the same bytes is recorded.
        self._blob = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)

    def update(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        self._sha256.update(piece)
        if self._file.git_blob:
            self._blob.update(piece)

    def proved(self, snapshot: Snapshot) -> FileFacts:
        """The file with its sha256. Raises `DigestMismatch` when the bytes are not the recorded ones."""
        found = {"size_bytes": self._size_bytes, "sha256": self._sha256.hexdigest()}
        if self._file.git_blob:
            found["git_blob"] = self._blob.hexdigest()
        for name, value in found.items():
            wanted = getattr(self._file, name)
            if wanted is not None and wanted != value:
                raise DigestMismatch(
                    f"{snapshot}: {self._file.path} was copied with {name} {value}, recorded is {wanted}. "
                    "Nothing of it is used; stage it again."
                )
        return replace(self._file, sha256=str(found["sha256"]))
