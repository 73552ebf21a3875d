"""A file that is replaced is whole at every moment, however many write it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from endpoints.local.whole_files import write_whole


def test_many_writers_leave_one_whole_text_and_nothing_else(tmp_path: Path) -> None:
    path, texts = tmp_path / "folder" / "file.yaml", [f"{index}" * 10_000 for index in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write_whole, path, text) for text in texts * 5]:
            done.result()
    assert path.read_text() in texts
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, "before")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
