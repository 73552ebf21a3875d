"""`adept lock` records the files that an engine needs, and holds the Hub to what was recorded."""

from __future__ import annotations

import hashlib

import pytest

from endpoints.locks import lock_path, read_lock
from tests.support.hub import RunningHub
from tests.unit.commands.conftest import Adept
from tests.unit.commands.lock.conftest import (
    CONTENT,
    LLAMA,
    MISTRAL,
    PIN,
    WANTED,
    recorded,
    snapshot,
)

pytestmark = pytest.mark.usefixtures("hub")


def test_every_snapshot_gets_the_files_that_an_engine_needs_each_with_its_digest(adept: Adept) -> None:
    done = adept("lock", "--env", "staging")

    assert done.exit_code == 0, done.stderr
    lock = read_lock("staging")
    assert recorded(lock) == [one.repository for one in lock.snapshots]
    files = {file.path: file for file in snapshot(MISTRAL).files or ()}
    assert list(files) == WANTED
    assert snapshot(MISTRAL).total_bytes == sum(len(CONTENT[path]) for path in WANTED)
    shard = files["model-00001-of-00002.safetensors"]
    assert shard.sha256 == hashlib.sha256(b"first half").hexdigest()
    assert files["tokenizer.json"].git_blob == "9e26dfeeb6e641a33dae4961196235bdb965b21b"  # git's id of {}
    assert f"asking the Hub for {MISTRAL} at {PIN}" in done.stderr
    assert adept("lock", "--check").exit_code == 0


def test_a_lock_that_is_locked_again_does_not_change_by_a_byte(adept: Adept) -> None:
    adept("lock", "--env", "staging")
    before = lock_path("staging").read_bytes()

    done = adept("lock", "--env", "staging")

    assert "staging: nothing changed." in done.stdout
    assert lock_path("staging").read_bytes() == before


def test_each_snapshot_is_asked_for_once_however_many_environments_run_it(
    hub: RunningHub, adept: Adept
) -> None:
    assert adept("lock").exit_code == 0

    asked = [
        one.path for one in hub.requests() if one.path.startswith("/api/models/") and "revision" in one.path
    ]
    assert len(asked) == len(set(asked)) == 6
    assert recorded(read_lock("production")) == recorded(read_lock("staging"))
    assert recorded(read_lock("local")) == []  # stand-ins are on no Hub


def test_one_model_is_locked_and_the_others_stay_as_they_are(adept: Adept) -> None:
    before = read_lock("staging")

    adept("lock", "--env", "staging", "--model", MISTRAL)

    assert recorded(read_lock("staging")) == [MISTRAL]
    assert read_lock("staging").candidates == before.candidates


def test_licence_and_gate_are_the_hubs_and_keep_the_catalogues_spelling(adept: Adept) -> None:
    adept("lock", "--env", "staging")

    assert (snapshot(MISTRAL).licence, snapshot(MISTRAL).gated) == ("Apache-2.0", False)
    assert snapshot(LLAMA).gated is True


def test_other_bytes_under_a_recorded_commit_are_an_error_and_nothing_is_written(adept: Adept) -> None:
    # Given a lock that was recorded, and a Hub that lists another file under the same commit
    adept("lock", "--env", "staging")
    before = lock_path("staging").read_text()
    digest = hashlib.sha256(b"first half").hexdigest()
    lock_path("staging").write_text(before.replace(digest, "a" * 64))
    changed = lock_path("staging").read_bytes()

    done = adept("lock", "--env", "staging")

    assert done.exit_code == 1
    assert f"model-00001-of-00002.safetensors has sha256 {digest}" in done.stderr
    assert "The bytes of a commit cannot change" in done.stderr
    assert lock_path("staging").read_bytes() == changed
