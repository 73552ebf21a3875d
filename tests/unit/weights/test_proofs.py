"""Digests, and the manifest that they make."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.weights.digests import Digests
from lambdas.weights.errors import BadRequest, DigestMismatch
from lambdas.weights.manifest import Manifest, render
from lambdas.weights.snapshot import FileFacts, Snapshot

SNAPSHOT = Snapshot.of("acme/model", "a" * 40)


def _facts(body: bytes, *, lfs: bool) -> FileFacts:
    if lfs:
        return FileFacts("file", len(body), sha256=hashlib.sha256(body).hexdigest())
    blob = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    return FileFacts("file", len(body), git_blob=blob)


def _prove(file: FileFacts, *pieces: bytes) -> FileFacts:
    digests = Digests(file)
    for piece in pieces:
        digests.update(piece)
    return digests.proved(SNAPSHOT)


@given(body=st.binary(max_size=200), cut=st.integers(0, 200), lfs=st.booleans())
def test_the_right_bytes_are_proved_however_they_come_and_get_their_sha256(
    body: bytes, cut: int, lfs: bool
) -> None:
    proved = _prove(_facts(body, lfs=lfs), body[:cut], body[cut:])

    assert proved.sha256 == hashlib.sha256(body).hexdigest()


@given(body=st.binary(min_size=1, max_size=200), at=st.integers(0, 1599), lfs=st.booleans())
def test_one_flipped_bit_is_a_mismatch_that_says_what_to_do(body: bytes, at: int, lfs: bool) -> None:
    flipped = bytearray(body)
    flipped[at // 8 % len(body)] ^= 1 << at % 8

    with pytest.raises(DigestMismatch, match=r"file was copied with .* stage it again"):
        _prove(_facts(body, lfs=lfs), bytes(flipped))


def test_a_missing_byte_is_a_mismatch() -> None:
    with pytest.raises(DigestMismatch):
        _prove(_facts(b"abc", lfs=True), b"ab")


def test_a_file_with_both_digests_is_proved_by_both() -> None:
    right = _facts(b"abc", lfs=False)
    wrong = FileFacts("file", 3, sha256="0" * 64, git_blob=right.git_blob)

    with pytest.raises(DigestMismatch, match="sha256"):
        _prove(wrong, b"abc")


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    files = [_prove(_facts(body, lfs=False), body) for body in (b"two", b"one")]
    files = [
        FileFacts(name, file.size_bytes, file.sha256, file.git_blob)
        for name, file in zip("ba", files, strict=True)
    ]
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))

    raw = render(SNAPSHOT, files, staged_from="https://huggingface.co", now=now)

    document = json.loads(raw)
    assert [file["path"] for file in document["files"]] == ["a", "b"]
    assert document["total_bytes"] == 6
    assert document["staged_at"] == "2026-01-02T01:04:05+00:00"
    assert Manifest.parse(raw) == Manifest(SNAPSHOT, {file.path: file for file in files})


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"version": 2}', b'{"version": 1, "files": []}'])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        Manifest.parse(raw)
