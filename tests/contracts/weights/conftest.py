"""One embedded AWS and one Hub for all of these tests; each test stages a repository of its own."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.local.hub import HubReader, HubRepository
from tests.contracts.ministack.running import embedded_aws
from tests.contracts.weights.world import World
from tests.support.hub import running_hub

TOKEN = "hf_" + "granted".ljust(34, "x")  # made at run time: nothing that looks like a token stands in a file
GATED = "acme/gated"
_NUMBERS = itertools.count(1)


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 -- repeatable bytes, nothing secret


# Two parts and a bit, one part to the byte, and small files of both kinds.
CONTENT = {
    "config.json": b'{"model_type": "llama"}\n',
    "tokenizer.json": noise(1, 70_000),
    "empty.txt": b"",
    "model-00001-of-00003.safetensors": noise(2, 11 * 1024 * 1024 + 17),
    "model-00002-of-00003.safetensors": noise(3, 5 * 1024 * 1024),
    "model-00003-of-00003.safetensors": noise(4, 1_234),
    "pytorch_model.bin": b"pickled",
    "README.md": b"# a model\n",
}


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for name, data in CONTENT.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        running_hub(readers={TOKEN: HubReader("granted", granted=frozenset({GATED}))}) as hub,
    ):
        patch.setenv("SFN_WAIT_SCALE", "0.01")  # retries wait a hundredth
        with embedded_aws(tmp_path_factory.mktemp("aws")) as aws:
            world = World(aws, hub)
            world.deploy()
            yield world


@pytest.fixture
def world(deployed: World) -> World:
    """No faults, and nothing asked yet."""
    deployed.hub.fail()
    deployed.hub.server.requests.clear()
    return deployed


@pytest.fixture
def repository(world: World, folder: Path) -> HubRepository:
    """A repository that no other test has staged."""
    return published(world, folder)


def published(world: World, folder: Path, **options: Any) -> HubRepository:
    number = next(_NUMBERS)
    sha = hashlib.sha1(b"%d" % number, usedforsecurity=False).hexdigest()
    name = options.pop("repo_id", f"acme/model-{number}")
    made = HubRepository(name, {sha: folder}, **options)
    world.hub.server.add(made)
    return made


Publish = Callable[..., HubRepository]
