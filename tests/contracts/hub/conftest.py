"""A Hub with one open repository of small and large files."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session
from huggingface_hub.utils.tqdm import disable_progress_bars

from endpoints.local.hub import HubReader, HubRepository
from tests.support.hub import RunningHub, running_hub

OPEN, GATED, PRIVATE = "acme/open", "acme/gated", "acme/private"
OLD, SHA = (hashlib.sha1(name, usedforsecurity=False).hexdigest() for name in (b"old", b"new"))
# Made at run time: nothing that looks like a token stands in a file.
TOKENS = {name: "hf_" + name.ljust(34, "x") for name in ("granted", "waiting", "stranger", "narrow")}
READERS = {
    TOKENS["granted"]: HubReader("granted", granted=frozenset({GATED, PRIVATE})),
    TOKENS["waiting"]: HubReader("waiting", awaiting=frozenset({GATED})),
    TOKENS["stranger"]: HubReader("stranger"),
    TOKENS["narrow"]: HubReader("narrow", granted=frozenset({GATED}), fine_grained=True, reads_gated=False),
}


def _noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 -- repeatable bytes, nothing secret


CONTENT = {
    "README.md": b"# a model\n",
    "config.json": b'{"model_type": "llama"}\n',
    "model-00001-of-00002.safetensors": _noise(1, 3_000_000),
    "model-00002-of-00002.safetensors": _noise(2, 1_234_567),
    "pytorch_model.bin": b"pickled",
    "nested/deep/notes.txt": "façade\n".encode(),
    "empty.txt": b"",
}


def write(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    disable_progress_bars()
    folder = write(tmp_path_factory.mktemp("new"), CONTENT)
    old = write(tmp_path_factory.mktemp("old"), {"config.json": b"{}"})
    commits = {OLD: old, SHA: folder}
    repositories = (
        HubRepository(OPEN, commits, branches={"v1": OLD}, licence="apache-2.0"),
        HubRepository(GATED, commits, gated="manual", licence="llama3.1"),
        HubRepository(PRIVATE, commits, private=True),
    )
    with running_hub(*repositories, readers=READERS) as hub:
        yield hub
    close_session()  # the client's own connections


@pytest.fixture
def hub(running: RunningHub) -> RunningHub:
    """Without faults, and nothing asked yet."""
    running.fail()
    running.server.requests.clear()
    return running
