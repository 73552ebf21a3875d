"""A real model server: real processes, the real mistralrs, the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from endpoints.local.containers import ContainerSpec, RunningContainer
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import TINY_SEEDS
from endpoints.local.snapshots import Snapshot, Snapshots
from endpoints.local.tiny_model import tiny_model, tiny_revision
from endpoints.weights.layout import snapshot_of_uri
from tests.support import models

TGI_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:3.3.6"
TGI_ENVIRONMENT = {"HF_MODEL_ID": "/opt/ml/model", "MAX_INPUT_TOKENS": "1000", "MAX_TOTAL_TOKENS": "2000"}
START_TIMEOUT_S = 60.0

TINY = {role: f"s3://weights/adept/tiny-{seed}/{tiny_revision(seed)}/" for role, seed in TINY_SEEDS.items()}


@dataclass
class FolderSnapshots(Snapshots):
    """Snapshots that are on the disk already; `forgotten` are those that nobody uses any more."""

    folders: Mapping[str, Path]
    forgotten: list[str] = field(default_factory=list)

    def fetch(self, url: str) -> Snapshot:
        snapshot = snapshot_of_uri(url, "weights")
        assert snapshot is not None
        return Snapshot(url, snapshot, self.folders[url])

    def forget(self, snapshot: Snapshot) -> None:
        self.forgotten.append(snapshot.url)


def spec(variant: str = "primary", **environment: str) -> ContainerSpec:
    """A TGI container's definition; the tiny model of the variant is its model data."""
    return ContainerSpec("endpoint", variant, TGI_IMAGE, {**TGI_ENVIRONMENT, **environment}, TINY[variant])


@pytest.fixture(scope="session")
def model_cache() -> Path:
    return models.model_cache()


@pytest.fixture(scope="session")
def snapshots(model_cache: Path) -> FolderSnapshots:
    """The two tiny models."""
    return FolderSnapshots(
        {TINY[role]: tiny_model(model_cache, seed=seed) for role, seed in TINY_SEEDS.items()}
    )


@pytest.fixture(scope="session")
def host(
    snapshots: FolderSnapshots, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalContainerHost]:
    """One host for the tests that do no harm to it."""
    host = LocalContainerHost(snapshots, log_dir=tmp_path_factory.mktemp("host") / "logs")
    yield host
    host.close()


@pytest.fixture(scope="session")
def container(host: LocalContainerHost) -> RunningContainer:
    return host.start(spec(), timeout_s=START_TIMEOUT_S)


@pytest.fixture
def invoke(container: RunningContainer) -> Callable[[Any], httpx.Response]:
    """POST a document to the container's /invocations."""

    def post(document: Any) -> httpx.Response:
        return httpx.post(f"{container.base_url}/invocations", json=document, timeout=30)

    return post


def sse_documents(text: str) -> list[Any]:
    """The data of a stream of server-sent events; "[DONE]" stays as it is."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]
