"""Manifests: what is refused, and in what one contradicts a lock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endpoints.errors import RemoteError
from endpoints.locks import LockedFile
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import (
    Manifest,
    StagedFile,
    contradicted_by,
    missing_from,
    read_manifest,
)

SNAPSHOT = SnapshotId("some/model", "0e9e39f249a16976918f6564b8830bc894c89659")
WEIGHTS = StagedFile(path="model.safetensors", size_bytes=7, sha256="a" * 64)
CONFIG = StagedFile(path="config.json", size_bytes=2, sha256="b" * 64, git_blob="c" * 40)
MANIFEST = Manifest.of(
    SNAPSHOT, [WEIGHTS, CONFIG], staged_from="folder", staged_at="2026-11-26T12:00:00+00:00"
)


def _edited(**changes: Any) -> str:
    return json.dumps(json.loads(MANIFEST.to_json()) | changes)


def test_what_is_written_is_read_again() -> None:
    assert read_manifest(MANIFEST.to_json(), "x") == MANIFEST
    assert [file.path for file in MANIFEST.files] == ["config.json", "model.safetensors"]
    assert MANIFEST.total_bytes == 9
    assert "git_blob" not in json.loads(MANIFEST.to_json())["files"][1]


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "{}",
        _edited(version=2),
        _edited(revision="main"),
        _edited(files=[]),
        _edited(total_bytes=1),
        _edited(token="x"),
        _edited(files=[{"path": "../x", "size_bytes": 9, "sha256": "a" * 64}]),
        _edited(files=[{"path": "/x", "size_bytes": 9, "sha256": "a" * 64}]),
        _edited(files=[{"path": "a\\b", "size_bytes": 9, "sha256": "a" * 64}]),
        _edited(files=[{"path": "x", "size_bytes": 9, "sha256": "a" * 63}]),
        _edited(files=[{"path": "x", "size_bytes": 9}]),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RemoteError, match="s3://weights/key is not a manifest"):
        read_manifest(text, "s3://weights/key")


def _locked(path: str, size_bytes: int, **digest: str) -> LockedFile:
    return LockedFile(path=path, size_bytes=size_bytes, **digest)


def test_a_snapshot_that_is_what_the_lock_names() -> None:
    locked = [_locked("config.json", 2, git_blob="c" * 40), _locked("model.safetensors", 7, sha256="a" * 64)]

    assert contradicted_by(MANIFEST, locked) == ()
    assert missing_from(MANIFEST, locked) == ()


@pytest.mark.parametrize(
    "locked",
    [
        _locked("config.json", 2, git_blob="d" * 40),
        _locked("config.json", 3, git_blob="c" * 40),
        _locked("config.json", 2, sha256="d" * 64),
        _locked("model.safetensors", 7, git_blob="d" * 40),
    ],
)
def test_other_content_contradicts_the_lock(locked: LockedFile) -> None:
    assert contradicted_by(MANIFEST, [locked]) == (locked.path,)


def test_a_file_that_was_not_staged_is_missing_and_contradicts_nothing() -> None:
    locked = [_locked("tokenizer.json", 5, git_blob="e" * 40)]

    assert missing_from(MANIFEST, locked) == ("tokenizer.json",)
    assert contradicted_by(MANIFEST, locked) == ()
