"""One file of a repository as Git and Git LFS name it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

# What the Hub's own .gitattributes gives to Git LFS; larger files of any other name go there too.
LFS_SUFFIXES: Final = frozenset(
    {
        ".safetensors",
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".h5",
        ".msgpack",
        ".gguf",
        ".onnx",
        ".pkl",
        ".npz",
        ".zip",
    }
)
LFS_ABOVE_BYTES: Final = 10 * 1024 * 1024


@dataclass(frozen=True)
class HubFile:
    """`sha256` is None for a file that lies in Git itself."""

    path: str  # relative to the repository's root, with slashes
    location: Path
    size_bytes: int
    blob_id: str  # Git's id, 40 hex: of the file, or of the pointer that stands for it
    sha256: str | None

    @property
    def etag(self) -> str:
        """What tells this file's bytes from any others: sha256 for LFS files, Git's id for the rest."""
        return self.sha256 or self.blob_id

    @property
    def pointer_size_bytes(self) -> int:
        return len(_pointer(self.sha256, self.size_bytes)) if self.sha256 else 0


def hub_file(root: Path, location: Path) -> HubFile:
    """The file at `location`; its bytes are hashed once for as long as they do not change."""
    found = location.stat()
    in_lfs = location.suffix in LFS_SUFFIXES or found.st_size > LFS_ABOVE_BYTES
    digest = _digest(location, found.st_size, found.st_mtime_ns, in_lfs)
    pointer = _pointer(digest, found.st_size)
    return HubFile(
        path=location.relative_to(root).as_posix(),
        location=location,
        size_bytes=found.st_size,
        blob_id=_blob_id(pointer) if in_lfs else digest,
        sha256=digest if in_lfs else None,
    )


@lru_cache(maxsize=4096)
def _digest(location: Path, size_bytes: int, modified_ns: int, in_lfs: bool) -> str:  # noqa: ARG001 -- the cache's key
    """sha256 of an LFS file, Git's blob id of another one."""
    if not in_lfs:
        return _blob_id(location.read_bytes())
    with location.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _pointer(sha256: str, size_bytes: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size_bytes}\n".encode()
