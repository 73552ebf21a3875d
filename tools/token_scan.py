"""Finds text in the shape of a Hugging Face token in every file that git tracks, whatever the file is.

The scan for secrets in general leaves out lock files, images and what a comment allows; this one leaves out nothing. It
names places and never repeats what it found. `python -m tools.token_scan [ROOT]`; exit code 1 when there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# 30 characters leave room for other lengths than today's 34; a shorter one is an example in prose.
_TOKEN: Final = re.compile(rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}")


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1]
    places = list(found_in(root))
    for place in places:
        print(f"{place}: text in the shape of a Hugging Face token")
    return 1 if places else 0


def found_in(root: Path) -> Iterator[str]:
    """`path:line` of every finding below `root`: tracked files, and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in sorted({name for name in listed.stdout.decode().split("\0") if name}):
        file = root / name
        if file.is_file():  # a deleted one is still tracked until the next commit
            yield from (f"{name}:{line}" for line in lines_with_a_token(file.read_bytes()))


def lines_with_a_token(content: bytes) -> Iterator[int]:
    """Numbers of the lines, from 1."""
    for match in _TOKEN.finditer(content):
        yield content.count(b"\n", 0, match.start()) + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
