"""Digests of model files: right, computed once, and never those of other bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from endpoints.local.hub import Digests, digests


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as one whose digest is worth keeping."""
    monkeypatch.setattr(digests, "KEPT_ABOVE_BYTES", 3)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def test_digests_are_those_of_the_tools(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello\n")
    assert Digests().sha256(path) == hashlib.sha256(b"hello\n").hexdigest()
    assert (
        Digests().git_blob(path) == "ce013625030ba8dba906f756967f9e9ca394464a"
    )  # as `git hash-object` prints


def test_a_large_files_digest_is_kept_for_the_next_process(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "home" / "digests.json"
    digest = Digests(kept).sha256(large)
    # When another process asks, then nothing is read
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert Digests(kept).sha256(large) == digest


def test_a_file_that_changed_is_hashed_again(large: Path, tmp_path: Path) -> None:
    kept = tmp_path / "digests.json"
    before = Digests(kept).sha256(large)
    large.write_bytes(b"WEIGHTS")  # as long as before
    os.utime(large, ns=(0, large.stat().st_mtime_ns + 1))
    assert Digests(kept).sha256(large) == hashlib.sha256(b"WEIGHTS").hexdigest() != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256:/x": 1}', '{"sha256:/x": [1, "a"]}'])
def test_what_cannot_be_read_is_no_digest(large: Path, tmp_path: Path, text: str) -> None:
    kept = tmp_path / "digests.json"
    kept.write_text(text)
    assert Digests(kept).sha256(large) == hashlib.sha256(b"weights").hexdigest()
    assert Digests(kept).sha256(large) == hashlib.sha256(b"weights").hexdigest()


def test_two_processes_keep_what_the_other_found(large: Path, tmp_path: Path) -> None:
    kept, other = tmp_path / "digests.json", tmp_path / "other.safetensors"
    other.write_bytes(b"other weights")
    first, second = Digests(kept), Digests(kept)
    first.sha256(large)
    second.sha256(other)
    assert {key.rpartition("/")[2] for key in Digests(kept)._known} == {large.name, other.name}
