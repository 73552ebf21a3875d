"""One file of a repository as Git and Git LFS name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endpoints.local.hub.digests import Digests
from endpoints.weights.digests import git_blob_id

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


def hub_file(root: Path, location: Path, digests: Digests) -> HubFile:
    """The file at `location`, below the repository's `root`."""
    size_bytes = location.stat().st_size
    path = location.relative_to(root).as_posix()
    if location.suffix not in LFS_SUFFIXES and size_bytes <= LFS_ABOVE_BYTES:
        return HubFile(path, location, size_bytes, digests.git_blob(location), None)
    sha256 = digests.sha256(location)
    return HubFile(path, location, size_bytes, git_blob_id(_pointer(sha256, size_bytes)), sha256)


def _pointer(sha256: str, size_bytes: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size_bytes}\n".encode()
