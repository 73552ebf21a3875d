"""The logs of the embedded AWS: one file for the server, one per model server and per function that is one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from endpoints.local.settings import LocalSettings

FOLLOW_INTERVAL_S = 0.3


@dataclass(frozen=True)
class LogLine:
    """`source` is the file's name without its ending: "server", or a model server's or function's name."""

    source: str
    text: str


def log_files(settings: LocalSettings) -> list[Path]:
    """The server's log first, then the functions' and model servers'."""
    files = settings.log_dir.rglob("*.log") if settings.log_dir.is_dir() else []
    return sorted(files, key=lambda file: (file != settings.server_log, file))


def tail(file: Path, lines: int) -> list[LogLine]:
    """The last lines of a file; none when it does not exist."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return [LogLine(file.stem, text.rstrip("\n")) for text in deque(stream, maxlen=lines)]
    except FileNotFoundError:
        return []


def follow(settings: LocalSettings) -> Iterator[LogLine]:
    """What is written to any log from now on, for as long as the caller listens."""
    offsets = {file: file.stat().st_size for file in log_files(settings)}
    while True:
        for file in log_files(settings):
            yield from _since(file, offsets)
        time.sleep(FOLLOW_INTERVAL_S)


def _since(file: Path, offsets: dict[Path, int]) -> Iterator[LogLine]:
    with file.open(encoding="utf-8", errors="replace") as stream:
        stream.seek(offsets.get(file, 0))
        for text in iter(stream.readline, ""):
            yield LogLine(file.stem, text.rstrip("\n"))
        offsets[file] = stream.tell()


def rotate(file: Path, *, max_bytes: int = 5_000_000) -> None:
    """Keep one predecessor of a log that has grown large."""
    if file.exists() and file.stat().st_size > max_bytes:
        file.replace(file.with_suffix(".log.1"))
