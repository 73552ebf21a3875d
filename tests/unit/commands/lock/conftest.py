"""A Hub on this machine that speaks as the real one does, with what staging runs; locks are copies."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from endpoints.catalogue import load_catalogue
from endpoints.local.hub import HubReader, HubRepository
from endpoints.locks import Lock, LockedSnapshot, read_lock, reading
from tests.support.hub import RunningHub, running_hub

CATALOGUE = load_catalogue()
MISTRAL, LLAMA = "mistralai/Mistral-7B-Instruct-v0.3", "meta-llama/Llama-3.1-8B-Instruct"
PIN = "c170c708c41dac9275d15a8fff4eca08d52bab71"
NEWER = hashlib.sha1(b"newer", usedforsecurity=False).hexdigest()
# Made at run time: nothing that looks like a token stands in a file.
MEMBER = "hf_" + "member".ljust(34, "x")
CONTENT = {
    "README.md": b"# a model\n",
    "config.json": b'{"model_type": "llama"}\n',
    "consolidated.safetensors": b"the same weights once more",
    "model-00001-of-00002.safetensors": b"first half",
    "model-00002-of-00002.safetensors": b"other half",
    "model.safetensors.index.json": b"{}",
    "pytorch_model.bin": b"pickled",
    "tokenizer.json": b"{}",
    "onnx/config.json": b"{}",
}
WANTED = [
    "config.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
]


def write(folder: Path, content: Mapping[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def repositories(old: Path, new: Path) -> Iterator[HubRepository]:
    """Every snapshot that staging runs, at its pin; Mistral's main branch has moved on since."""
    for locked in read_lock("staging").snapshots:
        assert locked.revision is not None
        facts = CATALOGUE.model(locked.repository)
        newer = {NEWER: new} if locked.repository == MISTRAL else {}
        yield HubRepository(
            locked.repository,
            {locked.revision: old, **newer},
            branches={"v0": locked.revision},
            gated="manual" if facts.licence.gated else None,
            licence=(facts.licence.hub_tag or str(facts.licence.id)).lower(),
        )


@pytest.fixture(scope="package")
def running_lock_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    old = write(tmp_path_factory.mktemp("old"), CONTENT)
    new = write(tmp_path_factory.mktemp("new"), {**CONTENT, "chat_template.jinja": b"{{ messages }}"})
    readers = {MEMBER: HubReader("member", granted=frozenset({LLAMA}))}
    with running_hub(*repositories(old, new), readers=readers) as hub:
        yield hub
    close_session()  # the client's own connections


@pytest.fixture
def hub(running_lock_hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningHub:
    """The Hub as the public one, without faults; nobody is logged in, and the locks are copies."""
    running_lock_hub.fail()
    running_lock_hub.server.requests.clear()
    monkeypatch.setattr(constants, "ENDPOINT", running_lock_hub.url)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "nobody"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    shutil.copytree(reading.LOCKS_FOLDER, tmp_path / "locks")
    monkeypatch.setattr(reading, "LOCKS_FOLDER", tmp_path / "locks")
    return running_lock_hub


def snapshot(repository: str, environment: str = "staging") -> LockedSnapshot:
    """The only snapshot of a repository in a lock."""
    found = [one for one in read_lock(environment).snapshots if one.repository == repository]
    assert len(found) == 1
    return found[0]


def recorded(lock: Lock) -> list[str]:
    return [one.repository for one in lock.snapshots if one.files is not None]
