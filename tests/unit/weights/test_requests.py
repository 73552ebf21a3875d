"""What may be asked for, and what is refused before anything is done."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.weights.errors import BadRequest, HubFileChanged
from lambdas.weights.request import Request, Selection, agreed, unproved
from lambdas.weights.snapshot import FileFacts, Snapshot, checked_path, is_path

SHA = "a" * 40
DIGEST, BLOB = "d" * 64, "b" * 40
LFS = FileFacts("model.safetensors", 7, sha256=DIGEST)
SMALL = FileFacts("config.json", 3, git_blob=BLOB)
LISTED = {file.path: file for file in (LFS, SMALL, FileFacts("extra/notes.txt", 1, git_blob=BLOB))}


def _request(**fields: Any) -> Request:
    return Request.parse({"repository": "acme/model", "revision": SHA, **fields})


@pytest.mark.parametrize(
    ("repository", "revision"),
    [
        ("", SHA),
        ("../secrets", SHA),
        ("_manifests/acme", SHA),
        ("acme/a/b", SHA),
        ("acme/..", SHA),
        ("acme\\model", SHA),
        ("acme/model", "main"),
        ("acme/model", SHA.upper()),
        ("acme/model", SHA + "0"),
        ("acme/model\n", SHA),
    ],
)
def test_a_name_that_leads_elsewhere_in_the_bucket_is_refused(repository: str, revision: str) -> None:
    with pytest.raises(BadRequest):
        Snapshot.of(repository, revision)


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "a/./b", "a/", "a\\b", "a\nb", "x" * 513]
)
def test_a_path_that_leads_out_of_its_snapshot_is_refused(path: str) -> None:
    with pytest.raises(BadRequest, match="no path of a file"):
        checked_path(path)


@given(st.text(max_size=30))
def test_a_path_that_is_taken_stays_below_its_snapshot(path: str) -> None:
    snapshot = Snapshot.of("acme/model", SHA)
    if is_path(path):
        key = snapshot.object_key(path)
        assert key.startswith(snapshot.prefix)
        assert ".." not in key.split("/")


def test_the_keys_of_a_snapshot_are_those_that_others_read() -> None:
    snapshot = Snapshot.of("acme/model", SHA)

    assert snapshot.object_key("config.json") == f"acme/model/{SHA}/config.json"
    assert snapshot.manifest_key == f"_manifests/acme/model/{SHA}.json"
    assert snapshot.verified_key("a.json") == f"_staging/acme/model/{SHA}/verified/a.json.json"


@pytest.mark.parametrize(
    "file",
    [
        {"path": "a", "size_bytes": 1},
        {"path": "a", "size_bytes": -1, "sha256": DIGEST},
        {"path": "a", "size_bytes": True, "sha256": DIGEST},
        {"path": "a", "size_bytes": 1, "sha256": DIGEST.upper()},
        {"path": "a", "size_bytes": 1, "git_blob": DIGEST},
        {"size_bytes": 1, "sha256": DIGEST},
        "a",
    ],
)
def test_a_file_that_nothing_could_prove_is_refused(file: object) -> None:
    with pytest.raises(BadRequest):
        _request(files=[file])


def test_two_descriptions_of_one_file_in_one_request_are_refused() -> None:
    with pytest.raises(BadRequest, match="twice"):
        _request(files=[LFS.document(), {**LFS.document(), "size_bytes": 8}])


def test_without_recorded_files_the_selection_chooses_from_the_top_level_and_an_exclusion_wins() -> None:
    listed = {
        name: FileFacts(name, 1, git_blob=BLOB)
        for name in ("a.json", "b.json", "deep/c.json", "d.bin", "consolidated.safetensors", "e.safetensors")
    }
    request = _request(select={"include": ["*.json", "*.safetensors"], "exclude": ["consolidated*", "b.*"]})

    assert [file.path for file in request.chosen(listed)] == ["a.json", "e.safetensors"]


def test_a_selection_that_takes_nothing_is_refused() -> None:
    with pytest.raises(BadRequest, match="takes none"):
        _request(select={"include": ["*.gguf"]}).chosen(LISTED)


def test_patterns_tell_upper_from_lower_case() -> None:
    assert not Selection(include=("*.JSON",)).takes("a.json")


def test_recorded_files_are_staged_with_what_the_hub_says_besides() -> None:
    recorded = FileFacts("config.json", 3, sha256=DIGEST)

    (chosen,) = _request(files=[recorded.document()]).chosen(LISTED)

    assert chosen == FileFacts("config.json", 3, sha256=DIGEST, git_blob=BLOB)


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (FileFacts("model.safetensors", 8, sha256=DIGEST), "another size_bytes"),
        (FileFacts("model.safetensors", 7, sha256="e" * 64), "another sha256"),
        (FileFacts("config.json", 3, git_blob="c" * 40), "another git_blob"),
        (FileFacts("gone.json", 3, git_blob=BLOB), "not on the Hub"),
    ],
)
def test_a_recorded_file_that_the_hub_does_not_have_like_that_is_told(recorded: FileFacts, said: str) -> None:
    with pytest.raises(HubFileChanged, match=said):
        _request(files=[recorded.document()]).chosen(LISTED)


def test_a_staged_snapshot_covers_what_it_holds_and_nothing_else() -> None:
    held = {LFS.path: LFS}

    assert _request().covered_by(held)
    assert _request(files=[LFS.document()]).covered_by(held)
    assert not _request(files=[LFS.document(), SMALL.document()]).covered_by(held)
    with pytest.raises(HubFileChanged):
        _request(files=[{**LFS.document(), "sha256": "e" * 64}]).covered_by(held)


def test_a_file_that_was_proved_by_another_digest_is_to_be_proved_again() -> None:
    held = {"config.json": FileFacts("config.json", 3, sha256=DIGEST)}

    assert not _request(files=[SMALL.document()]).covered_by(held)
    assert unproved([SMALL], held) == [SMALL]
    assert unproved([SMALL], {"config.json": FileFacts("config.json", 3, DIGEST, BLOB)}) == []


def test_descriptions_that_share_no_digest_agree_and_both_will_have_to_be_proved() -> None:
    assert agreed(FileFacts("a", 1, sha256=DIGEST), FileFacts("a", 1, git_blob=BLOB), "x") == FileFacts(
        "a", 1, sha256=DIGEST, git_blob=BLOB
    )
