"""Digests of files, computed once for as long as a file does not change: hashing gigabytes takes seconds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from endpoints.local.whole_files import write_whole
from endpoints.weights.digests import git_blob_id, sha256_of

KEPT_ABOVE_BYTES: Final = 16 * 1024 * 1024  # smaller files are hashed sooner than they are looked up

_Entry = tuple[int, int, str]  # size, time of the last change in nanoseconds, digest


class Digests:
    """Thread-safe. `file` keeps those of large files for the next process; files that changed are hashed again."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, _Entry] = _read(file)
        self._lock = threading.Lock()

    def sha256(self, location: Path) -> str:
        """SHA-256 of the bytes, 64 hexadecimal digits."""
        return self._digest("sha256", location, sha256_of)

    def git_blob(self, location: Path) -> str:
        """Git's id of the bytes, 40 hexadecimal digits."""
        return self._digest("git", location, lambda path: git_blob_id(path.read_bytes()))

    def _digest(self, kind: str, location: Path, compute: Callable[[Path], str]) -> str:
        found, key = location.stat(), f"{kind}:{location.resolve()}"
        known = self._known.get(key)
        if known and known[:2] == (found.st_size, found.st_mtime_ns):
            return known[2]
        digest = compute(location)
        with self._lock:
            self._known[key] = (found.st_size, found.st_mtime_ns, digest)
            if self._file and found.st_size > KEPT_ABOVE_BYTES:
                self._write(self._file)
        return digest

    def _write(self, file: Path) -> None:
        """Two processes may write at once: what one of them does not know of the other is hashed again."""
        large = {key: entry for key, entry in self._known.items() if entry[0] > KEPT_ABOVE_BYTES}
        write_whole(file, json.dumps({**_read(file), **large}))


def _read(file: Path | None) -> dict[str, _Entry]:
    with suppress(OSError, ValueError, TypeError, AttributeError):  # there is none yet, or it is half of one
        document = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return {
            key: (int(size), int(changed_ns), str(digest))
            for key, (size, changed_ns, digest) in document.items()
        }
    return {}
