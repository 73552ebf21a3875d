"""A real model server: real processes, the real mistralrs, the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from endpoints.local.containers import ContainerSpec, RunningContainer
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import resolve_models

TGI_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:3.3.6"
TGI_ENVIRONMENT = {"HF_MODEL_ID": "/opt/ml/model", "MAX_INPUT_TOKENS": "1000", "MAX_TOTAL_TOKENS": "2000"}
START_TIMEOUT_S = 60.0

StartHost = Callable[[], LocalContainerHost]


def spec(variant: str = "primary", **environment: str) -> ContainerSpec:
    """A TGI container's definition."""
    return ContainerSpec(
        "endpoint", variant, TGI_IMAGE, {**TGI_ENVIRONMENT, **environment}, "s3://bucket/model/"
    )


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def host(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalContainerHost]:
    """One host for the tests that do no harm to it."""
    home = tmp_path_factory.mktemp("host")
    models = resolve_models(cache_dir=model_cache, offline=True, progress=lambda _: None)
    host = LocalContainerHost(models.answering, log_dir=home / "logs")
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
