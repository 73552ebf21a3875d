"""Logs: the last lines of each file, and what is added to any of them, a new file's lines included."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from threading import Timer

from endpoints.local import daemon
from endpoints.local.log_files import LogLine, follow
from endpoints.local.settings import LocalSettings


def test_the_last_lines_of_each_log_end_with_the_servers(tmp_path: Path) -> None:
    settings = LocalSettings(home=tmp_path)
    settings.log_dir.mkdir()
    settings.server_log.write_text("one\ntwo\nthree\n")
    (settings.log_dir / "model-server-primary.log").write_text("loaded\n")
    assert list(daemon.logs(settings, lines=2)) == [
        LogLine("model-server-primary", "loaded"),
        LogLine("server", "two"),
        LogLine("server", "three"),
    ]


def test_no_logs_yet_is_no_error(tmp_path: Path) -> None:
    assert list(daemon.logs(LocalSettings(home=tmp_path / "none"))) == []


def test_following_starts_at_the_end_and_takes_up_new_files(tmp_path: Path) -> None:
    settings = LocalSettings(home=tmp_path)
    settings.log_dir.mkdir()
    settings.server_log.write_text("old\n")
    # When both an old and a new file are written to while somebody listens
    writers = [
        Timer(0.2, append, (settings.server_log, "new\n")),
        Timer(0.2, append, (settings.log_dir / "model-server-primary.log", "loaded\n")),
    ]
    for writer in writers:
        writer.start()
    # Then what was there before is not repeated, and both new lines come
    assert sorted(line.text for line in islice(follow(settings), 2)) == ["loaded", "new"]


def append(file: Path, text: str) -> None:
    with file.open("a") as stream:
        stream.write(text)
