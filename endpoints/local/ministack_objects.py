"""What ministack's S3 lacks for gigabytes: a GetObject with a Range that reads that range.

ministack reads the whole object each time and cuts the range out of it, which is a gigabyte for every part of a model.
This is put around two functions of `ministack.services.s3`, whose names `ministack_private` checks.
"""

from __future__ import annotations

import functools
import importlib
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_ranged: ContextVar[bool] = ContextVar("ranged", default=False)


def read_ranges_from_disk() -> None:
    """Objects lie in files (`S3_PERSIST`); those that are still in memory are cut there."""
    s3: Any = importlib.import_module("ministack.services.s3")
    get_object, read_body = s3._get_object, s3._read_body

    @functools.wraps(get_object)
    def get(bucket: str, key: str, headers: dict[str, str], *rest: Any) -> Any:
        token = _ranged.set(bool(headers.get("range")))
        try:
            return get_object(bucket, key, headers, *rest)
        finally:
            _ranged.reset(token)

    @functools.wraps(read_body)
    def read(bucket: str, key: str, record: dict[str, Any]) -> Any:
        path = s3._object_disk_path(bucket, key) if _ranged.get() and record.get("body") is None else None
        return _OnDisk(Path(path)) if path and Path(path).is_file() else read_body(bucket, key, record)

    s3._get_object, s3._read_body = get, read


class _OnDisk:
    """The bytes in a file; only what is sliced is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._path.stat().st_size)
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)
