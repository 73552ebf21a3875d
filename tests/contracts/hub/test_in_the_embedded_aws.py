"""The Hub that the embedded AWS has: the models that stand in, at the commits that its lock names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, close_session, snapshot_download

from endpoints.local import daemon
from endpoints.local.model_source import TINY_SEEDS
from endpoints.local.tiny_model import tiny_revision
from endpoints.locks import LOCAL_LOCK, Lock, read_lock
from tests.contracts.ministack.running import Running, embedded_aws

TOKEN = "hf_" + "user".ljust(34, "x")
ENVIRONMENT = """
import os

def handler(event, context):
    return dict(os.environ)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("HF_TOKEN", TOKEN)
        shell.setenv("HF_ENDPOINT", "https://mirror.example")
        with embedded_aws(tmp_path_factory.mktemp("adept")) as aws:
            yield aws
    close_session()


@pytest.fixture(scope="module")
def lock(running: Running) -> Lock:
    """What programs that use the embedded AWS are given."""
    return read_lock("local", Path(daemon.client_environment(running.settings)[LOCAL_LOCK]))


def test_every_candidate_is_locked_to_the_tiny_model_of_its_role(lock: Lock) -> None:
    assert {(one.role.value, one.weights, one.revision) for one in lock.candidates} == {
        (role, f"adept/tiny-{seed}", tiny_revision(seed)) for role, seed in TINY_SEEDS.items()
    }


def test_the_official_client_gets_exactly_the_locked_bytes(
    running: Running, lock: Lock, tmp_path: Path
) -> None:
    for snapshot in lock.snapshots:
        folder = snapshot_download(
            snapshot.repository,
            revision=snapshot.revision,
            cache_dir=tmp_path,
            endpoint=running.settings.hub_endpoint,
            token=False,
        )
        found = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        assert found.keys() == {file.path for file in snapshot.files or ()}
        for file in snapshot.files or ():
            content = found[file.path]
            assert len(content) == file.size_bytes
            if file.sha256:
                assert hashlib.sha256(content).hexdigest() == file.sha256
            else:
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
                assert blob.hexdigest() == file.git_blob


def test_a_tree_in_pages_works_below_a_path(running: Running) -> None:
    api = HfApi(endpoint=running.settings.hub_endpoint, token=False)
    assert "config.json" in {entry.path for entry in api.list_repo_tree("adept/tiny-1")}


def test_lambda_functions_are_sent_to_this_hub_and_get_no_token_of_the_users(running: Running) -> None:
    running.create_function("environment", ENVIRONMENT)
    environment = running.invoke("environment")
    assert environment["HF_ENDPOINT"] == running.settings.hub_endpoint
    assert TOKEN not in environment.values()


def test_the_lock_follows_the_catalogue(running: Running) -> None:
    # Given a lock that is out of date, as after an edit of the catalogue
    running.settings.lock_file.write_text("version: 0\n")
    # When a program is to use the embedded AWS, then it finds one that is not
    environment = daemon.client_environment(running.settings)
    assert read_lock("local", Path(environment[LOCAL_LOCK])).environment == "local"
