"""The real server process: an endpoint answers with the bytes that its ModelDataSource names, and with no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.adapters.weights_store import WeightsStore
from endpoints.local import daemon
from endpoints.local.ports import free_port
from endpoints.local.settings import LocalSettings
from endpoints.local.tiny_model import tiny_model
from endpoints.weights.layout import SnapshotId
from tests.contracts.ministack.running import Running
from tests.contracts.model_server.conftest import TGI_ENVIRONMENT, TGI_IMAGE
from tests.support.models import share_models
from tests.support.staging import folder_content, new_bucket, stage
from tests.support.waiting import eventually

ONE, OTHER = SnapshotId("adept/one", "1" * 40), SnapshotId("adept/other", "2" * 40)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("HF_HUB_OFFLINE", "1")
        running = Running(LocalSettings(home=tmp_path_factory.mktemp("aws"), port=free_port()))
        share_models(running.settings)
        try:
            daemon.up(running.settings, print)
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="module")
def store(aws: Running, model_cache: Path) -> WeightsStore:
    """Two snapshots with the same bytes, and no third one."""
    store = new_bucket(aws.settings, "weights")
    content = folder_content(tiny_model(model_cache, seed=2))
    for snapshot in (ONE, OTHER):
        stage(store, snapshot, content)
    return store


def create_endpoint(aws: Running, name: str, url: str) -> None:
    sagemaker = aws.client("sagemaker")
    source = {"S3DataSource": {"S3Uri": url, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": TGI_IMAGE, "Environment": TGI_ENVIRONMENT, "ModelDataSource": source}
    role = "arn:aws:iam::000000004577:role/any"
    variant = {"VariantName": "primary", "ModelName": name, "InstanceType": "ml.g5.xlarge"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def settled(aws: Running, name: str) -> dict[str, Any]:
    """The endpoint when it serves, or does not."""

    def describe() -> dict[str, Any]:
        description: dict[str, Any] = aws.client("sagemaker").describe_endpoint(EndpointName=name)
        return description

    eventually(lambda: describe()["EndpointStatus"] != "Creating", timeout_s=60)
    return describe()


def answer(aws: Running, endpoint: str) -> dict[str, Any]:
    body = json.dumps({"prompt": "A senior developer", "max_tokens": 20, "temperature": 0})
    said = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=body
    )
    document: dict[str, Any] = json.loads(said["Body"].read())
    return document


def model_servers(aws: Running) -> dict[str, tuple[str, ...]]:
    return {server.model: server.serves for server in daemon.status(aws.settings).model_servers}


def test_endpoints_serve_what_they_name_in_one_process_for_each_snapshot(
    aws: Running, store: WeightsStore
) -> None:
    # Given that no model is loaded before somebody needs it
    assert model_servers(aws) == {}
    # When two endpoints name one snapshot and a third one another
    urls = {"a": store.url(ONE.prefix), "b": store.url(ONE.prefix), "c": store.url(OTHER.prefix)}
    for name, url in urls.items():
        create_endpoint(aws, name, url)
    assert [settled(aws, name)["EndpointStatus"] for name in urls] == ["InService"] * 3
    # Then each snapshot has a process of its own, whose answers are those of the staged bytes
    assert model_servers(aws) == {"adept/one": ("a/primary", "b/primary"), "adept/other": ("c/primary",)}
    said = {name: answer(aws, name) for name in urls}
    assert {name: one["model"] for name, one in said.items()} == {
        "a": "adept/one",
        "b": "adept/one",
        "c": "adept/other",
    }
    texts = {one["choices"][0]["text"] for one in said.values()}
    assert len(texts) == 1  # the same bytes, under whatever name
    assert texts != {""}
    # When the last endpoint of a snapshot is deleted, then its process ends and its files go
    aws.client("sagemaker").delete_endpoint(EndpointName="c")
    eventually(lambda: "adept/other" not in model_servers(aws), what="the end of the process")
    assert not list(aws.settings.snapshot_dir.rglob(f"{OTHER.revision}/*"))
    assert answer(aws, "a")["model"] == "adept/one"


def test_an_endpoint_whose_snapshot_is_not_staged_fails_in_sagemakers_words(
    aws: Running, store: WeightsStore
) -> None:
    missing = store.url(f"adept/one/{'3' * 40}/")
    create_endpoint(aws, "missing", missing)
    description = settled(aws, "missing")
    assert description["EndpointStatus"] == "Failed"
    reason = description["FailureReason"]
    assert reason.startswith(
        f'Failed to download model data for container "container_1" from URL: "{missing}"'
    )
    assert "_manifests/adept/one/" in reason


def test_after_a_restart_the_same_bytes_serve_again(aws: Running, store: WeightsStore) -> None:
    create_endpoint(aws, "kept", store.url(ONE.prefix))
    assert settled(aws, "kept")["EndpointStatus"] == "InService"
    before = answer(aws, "kept")["choices"][0]["text"]
    aws.stop()
    daemon.up(aws.settings, print)
    assert answer(aws, "kept")["choices"][0]["text"] == before
