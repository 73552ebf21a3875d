"""What proves a file's bytes: their SHA-256, and git's id where the Hub keeps the file in git itself."""

from __future__ import annotations

import base64
import hashlib


class Digests:
    """Takes a file's bytes in order. The size comes first, because git's id begins with it."""

    def __init__(self, size_bytes: int, *, git_blob: bool = True) -> None:
        self._sha256 = hashlib.sha256()
        # git's own hash; it names files here and protects nothing.
        self._git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False) if git_blob else None

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


def base64_sha256(data: bytes) -> str:
    """SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
