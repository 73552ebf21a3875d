"""What proves a file's bytes: their SHA-256, and git's id where the Hub keeps the file in git itself."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path


class Digests:
    """Takes a file's bytes in order. The size comes first, because git's id begins with it."""

    def __init__(self, size_bytes: int, *, git_blob: bool = True) -> None:
        self._sha256 = hashlib.sha256()
        self._git = _git_hash(size_bytes) if git_blob else None

    def update(self, data: bytes) -> None:
        """The next bytes."""
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def git_blob(self) -> str | None:
        """In hexadecimal; None when it was not asked for."""
        return None if self._git is None else self._git.hexdigest()


def git_blob_id(content: bytes) -> str:
    """What `git hash-object` prints of these bytes."""
    digest = _git_hash(len(content))
    digest.update(content)
    return digest.hexdigest()


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def base64_sha256(data: bytes) -> str:
    """SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _git_hash(size_bytes: int) -> hashlib._Hash:
    """git's own hash; it names files here and protects nothing."""
    return hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
