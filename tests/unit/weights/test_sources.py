"""A snapshot that lies elsewhere: where people keep it, and what is missing when it is not the locked one."""

from __future__ import annotations

import pytest

from endpoints.errors import StagingError
from endpoints.locks import LockedFile
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from endpoints.weights.sources import (
    WantedFile,
    download_of,
    is_one_models_folder,
    names_snapshot,
    not_proved,
    places_below,
    wanted_files,
)

SHA = "0e9e39f249a16976918f6564b8830bc894c89659"
SNAPSHOT = SnapshotId("some/model", SHA)


def test_a_snapshot_is_looked_for_as_buckets_people_and_the_hubs_cache_keep_it() -> None:
    assert places_below(SNAPSHOT) == (
        f"some/model/{SHA}",
        "some/model",
        f"models--some--model/snapshots/{SHA}",
    )


def test_a_folder_of_the_hubs_cache_names_its_snapshot() -> None:
    assert names_snapshot(("home", "hub", "models--some--model", "snapshots", SHA)) == SNAPSHOT
    assert names_snapshot(("home", "weights")) is None
    assert names_snapshot(("models--some--model", "blobs", SHA)) is None


def test_a_folder_with_weights_or_a_configuration_is_one_models_own() -> None:
    assert is_one_models_folder(["config.json"])
    assert is_one_models_folder(["model.safetensors", "README.md"])
    assert not is_one_models_folder(["some/model/config.json", "below/model.safetensors", "notes.txt"])


def test_with_a_locks_files_exactly_those_are_taken() -> None:
    locked = [
        LockedFile(path="config.json", size_bytes=2, git_blob="c" * 40),
        LockedFile(path="model.safetensors", size_bytes=7, sha256="a" * 64),
    ]
    present = {"config.json": 2, "model.safetensors": 7, "pytorch_model.bin": 7, "README.md": 1}

    assert wanted_files(present, locked, "x") == (
        WantedFile("config.json", 2, git_blob="c" * 40),
        WantedFile("model.safetensors", 7, sha256="a" * 64),
    )


def test_every_file_that_is_missing_or_of_another_size_is_named() -> None:
    locked = [
        LockedFile(path="config.json", size_bytes=2, git_blob="c" * 40),
        LockedFile(path="model.safetensors", size_bytes=7_000, sha256="a" * 64),
    ]

    with pytest.raises(StagingError) as refused:
        wanted_files({"model.safetensors": 6_999}, locked, "the folder")

    assert "the folder is not the snapshot that is locked" in refused.value.message
    assert (
        "config.json is missing; model.safetensors has 6,999 bytes instead of 7,000" in refused.value.message
    )


def test_without_a_locks_files_what_an_engine_needs_is_taken() -> None:
    present = {
        "config.json": 2,
        "model.safetensors": 7,
        "pytorch_model.bin": 7,
        "original/consolidated.00.pth": 7,
        "consolidated.safetensors": 7,
    }

    assert wanted_files(present, None, "x") == (
        WantedFile("config.json", 2),
        WantedFile("model.safetensors", 7),
    )


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("/data/some/model", "--local-dir /data/some/model"),
        ("/my data/some/model", "--local-dir '/my data/some/model'"),
        (f"/hub/models--some--model/snapshots/{SHA}", "--cache-dir /hub"),
        (
            "s3://ours/some/model/",
            "--local-dir FOLDER, then: aws s3 cp --recursive FOLDER s3://ours/some/model/",
        ),
    ],
)
def test_what_is_missing_is_downloaded_to_where_it_is_looked_for(where: str, options: str) -> None:
    assert download_of(SNAPSHOT, where) == f"hf download some/model --revision {SHA} {options}"


def test_without_a_locks_files_a_missing_shard_is_still_seen() -> None:
    with pytest.raises(StagingError, match=r"model-00002-of-00002\.safetensors is missing"):
        wanted_files({"config.json": 2, "model-00001-of-00002.safetensors": 7}, None, "x")


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (WantedFile("config.json", 2, git_blob="c" * 40), True),
        (WantedFile("config.json", 2, sha256="b" * 64), True),
        (WantedFile("config.json", 2), False),  # nobody says what it should be
        (WantedFile("config.json", 3, sha256="b" * 64), False),
        (WantedFile("config.json", 2, sha256="d" * 64, git_blob="c" * 40), False),
        (WantedFile("model.safetensors", 7, git_blob="d" * 40), False),  # it was proved by another digest
        (WantedFile("tokenizer.json", 5, sha256="e" * 64), False),
    ],
)
def test_what_a_manifest_has_proved_is_not_copied_again(wanted: WantedFile, there: bool) -> None:
    config = StagedFile(path="config.json", size_bytes=2, sha256="b" * 64, git_blob="c" * 40)
    weights = StagedFile(path="model.safetensors", size_bytes=7, sha256="a" * 64)
    manifest = Manifest.of(SNAPSHOT, [config, weights], staged_from="folder", staged_at="then")

    assert not_proved(manifest, [wanted]) == (() if there else (wanted,))
    assert not_proved(None, [wanted]) == (wanted,)
