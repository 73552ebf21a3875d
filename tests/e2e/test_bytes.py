"""Which bytes answer: those that the lock names, copied from a Hub into S3, and no others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.local import daemon
from endpoints.locks import Lock, LockedSnapshot, read_lock
from endpoints.naming import endpoint_name
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import read_manifest
from tests.e2e.conftest import System

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lock(system: System) -> Lock:
    return read_lock("local", system.settings.lock_file)


def _model_data_of(system: System, use_case: str) -> dict[str, str]:
    """Where the deployed models of a use case find their weights, by variant."""
    sagemaker = system.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=endpoint_name("local", use_case))
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    found = {}
    for variant in config["ProductionVariants"]:
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        assert model["EnableNetworkIsolation"] is True
        source = model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
        assert (source["S3DataType"], source["CompressionType"]) == ("S3Prefix", "None")
        found[variant["VariantName"]] = str(source["S3Uri"])
    return found


def test_every_deployed_model_names_the_snapshot_that_the_lock_names(system: System, lock: Lock) -> None:
    for use_case in load_catalogue().use_cases:
        for variant, url in _model_data_of(system, use_case.id).items():
            locked = lock.candidate(use_case.id, CandidateRole(variant))
            assert locked is not None
            assert url.endswith(f"/{locked.weights}/{locked.revision}/")


def test_what_the_model_servers_loaded_is_what_was_staged_and_what_the_lock_says(
    system: System, lock: Lock
) -> None:
    bucket = _model_data_of(system, "job-parsing")["primary"].split("/")[2]
    servers = daemon.status(system.settings).model_servers
    assert {(server.model, server.revision) for server in servers} == {
        (snapshot.repository, snapshot.revision) for snapshot in lock.snapshots
    }
    for snapshot in lock.snapshots:
        _assert_staged(system, bucket, snapshot)
        folder = _loaded_by(system, snapshot)
        assert folder.is_relative_to(system.settings.snapshot_dir)
        assert {path.name: _sha256(path) for path in folder.iterdir()} == _staged(system, bucket, snapshot)


def _assert_staged(system: System, bucket: str, snapshot: LockedSnapshot) -> None:
    """S3 has each file of the lock, byte for byte."""
    for file in snapshot.files or ():
        body = system.client("s3").get_object(Bucket=bucket, Key=f"{snapshot.key}/{file.path}")["Body"].read()
        blob = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
        assert (len(body), True) == (file.size_bytes, file.git_blob in (None, blob))
        assert file.sha256 in (None, hashlib.sha256(body).hexdigest())


def _staged(system: System, bucket: str, snapshot: LockedSnapshot) -> dict[str, str]:
    """sha256 by path, as the stager's manifest says."""
    key = SnapshotId(snapshot.repository, str(snapshot.revision)).manifest_key
    raw = system.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    manifest = read_manifest(raw, key)
    assert manifest.staged_from == system.settings.hub_endpoint
    return {file.path: file.sha256 for file in manifest.files}


def _loaded_by(system: System, snapshot: LockedSnapshot) -> Path:
    """The folder on the model server's command line."""
    arguments = system.model_server(snapshot.repository).cmdline()
    return Path(json.loads(arguments[arguments.index("--source") + 1])["location"])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
