"""The locked images: what the maintenance command writes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoints.adapters.container_images import PublishedImage, published_images
from endpoints.catalogue import Catalogue, Engine, load_catalogue
from endpoints.errors import CatalogueError, RemoteError
from tools import lock_containers


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_committed_file_is_what_the_command_writes() -> None:
    assert lock_containers.main(["--check"]) == 0


def test_check_edits_nothing_and_fails_when_the_file_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "containers.yaml"
    target.write_text("containers: []\n")
    monkeypatch.setattr(lock_containers, "TARGET", target)
    monkeypatch.setattr(lock_containers, "render", lambda: "containers: [new]\n")
    assert lock_containers.main(["--check"]) == 1
    assert target.read_text() == "containers: []\n"
    assert "out of date" in capsys.readouterr().err
    assert lock_containers.main([]) == 0
    assert target.read_text() == "containers: [new]\n"


@pytest.mark.parametrize(
    ("engine", "cuda", "host_ami"),
    [
        (Engine.TGI, "12.4", "al2-ami-sagemaker-inference-gpu-3-1"),
        (Engine.VLLM, "13.0", "al2023-ami-sagemaker-inference-gpu-4-1"),
    ],
)
def test_the_host_ami_follows_from_the_cuda_version(
    catalogue: Catalogue, engine: Engine, cuda: str, host_ami: str
) -> None:
    container = catalogue.container(engine)
    assert (container.cuda, container.host_ami) == (cuda, host_ami)
    assert lock_containers.cuda_version(container.tag) == cuda
    assert lock_containers.host_ami(cuda) == host_ami


def test_a_cuda_version_without_a_known_host_is_refused() -> None:
    with pytest.raises(CatalogueError, match="CUDA 14"):
        lock_containers.host_ami("14.0")
    with pytest.raises(CatalogueError, match="no CUDA version"):
        lock_containers.cuda_version("1.0-cpu-py312")


def test_the_image_uri_of_a_region(catalogue: Catalogue) -> None:
    container = catalogue.container(Engine.TGI)
    assert container.image_uri("us-east-1") == (
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
        "huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"
    )
    assert ".dkr.ecr.cn-north-1.amazonaws.com.cn/" in container.image_uri("cn-north-1")


def test_a_region_without_the_image_says_where_it_is(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="Published in: af-south-1"):
        catalogue.container(Engine.TGI).image_uri("mars-north-1")


def test_an_image_that_differs_by_region_cannot_be_one_entry() -> None:
    images = tuple(PublishedImage("1" * 12, "us-east-1", "amazonaws.com", "repo", tag) for tag in ("a", "b"))
    with pytest.raises(CatalogueError, match="different images per region"):
        lock_containers.container_record(Engine.TGI, "1.0", images)


def test_a_version_that_the_sdk_does_not_know() -> None:
    with pytest.raises(RemoteError, match=r"9\.9\.9"):
        published_images("huggingface-llm", "9.9.9")
