"""Names of a snapshot's files: they come from elsewhere and become keys in a bucket and paths on a disk."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

LONGEST_PATH = 512


def safe_path(path: str) -> str:
    """`path` itself. Raises ValueError unless it stays inside of the folder that it is taken from."""
    parts = path.split("/")
    if "\\" in path or any(part in ("", ".", "..") for part in parts) or not path.isprintable():
        raise ValueError("a relative path with /, without empty parts, . or ..")
    return path


FilePath = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATH), AfterValidator(safe_path)]
"""A file's path below its snapshot."""
