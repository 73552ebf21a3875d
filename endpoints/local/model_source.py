"""Which models stand in on this machine: from the Hub, a directory, the tiny ones; or whose server answers instead."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from endpoints.adapters.hub import HubUnreachableError, cached_model, download_model
from endpoints.catalogue import load_catalogue
from endpoints.errors import CatalogueError, LocalError, RemoteError
from endpoints.local.hub import Digests
from endpoints.local.tiny_model import tiny_model, tiny_revision
from endpoints.locks import selected

DEFAULT_MODEL: Final = "Qwen/Qwen2.5-0.5B-Instruct"
TINY_SEEDS: Final = {
    "primary": 1,
    "alternative": 2,
}  # different seeds, so that it can be seen which one answered
# Owners of repositories that no Hub has but the local one.
TINY_OWNER: Final = "adept"
DIRECTORY_OWNER: Final = "local"
ISQ_OF_HUB_MODELS: Final = "Q8_0"  # halves the memory of 16-bit weights; their quality hardly changes

SAID_ABOVE_GB: Final = 0.5  # hashing more than that is felt

Progress = Callable[[str], None]


class SourceKind(StrEnum):
    """How a model server gets its tokens."""

    DIRECTORY = "directory"
    OPENAI_URL = "openai-url"


@dataclass(frozen=True)
class ModelSource:
    """A model that a local model server can serve."""

    kind: SourceKind
    location: (
        str  # a directory with config.json, tokenizer.json and *.safetensors; or a base URL that ends in /v1
    )
    name: str  # the repository, owner/name; for a URL the model's name in requests
    revision: str | None = None  # 40 hex: the commit, or what stands for one; None for a URL
    meaningful: bool = True  # False: the text is made up of words but says nothing
    quantisation: str | None = (
        None  # mistralrs' in-situ quantisation on load; None keeps the weights as they are
    )

    @property
    def key(self) -> str:
        """`<repository>/<revision>`: where its bytes lie in the bucket of the weights."""
        return f"{self.name}/{self.revision}"

    def to_json(self) -> str:
        """One line of JSON, for a process' command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelSource:
        """The inverse of `to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "kind": SourceKind(fields["kind"])})


@dataclass(frozen=True)
class LocalModels:
    """What stands in for the models of each role: directories, whose bytes are staged and then served.

    With a `backend`, that server answers for all of them, whatever was staged.
    """

    stand_ins: Mapping[str, ModelSource]  # by role
    backend: ModelSource | None = None

    @property
    def snapshots(self) -> tuple[ModelSource, ...]:
        """The different stand-ins."""
        return tuple({source.key: source for source in self.stand_ins.values()}.values())

    @property
    def answering(self) -> Mapping[str, ModelSource]:
        """By role: who answers once the stand-ins are deployed."""
        return {role: self.backend or source for role, source in self.stand_ins.items()}

    def to_json(self) -> str:
        """One line of JSON, for a process' command line."""
        stand_ins = {role: source.to_json() for role, source in self.stand_ins.items()}
        return json.dumps(
            {"stand_ins": stand_ins, "backend": self.backend.to_json() if self.backend else None}
        )

    @classmethod
    def from_json(cls, text: str) -> LocalModels:
        """The inverse of `to_json`."""
        fields = json.loads(text)
        backend = fields["backend"]
        return cls(
            {role: ModelSource.from_json(source) for role, source in fields["stand_ins"].items()},
            ModelSource.from_json(backend) if backend else None,
        )


NO_MODELS: Final = LocalModels({})


def resolve_models(
    *,
    cache_dir: Path,
    backend_url: str | None = None,
    model: str | None = None,
    offline: bool = False,
    digests: Digests | None = None,
    progress: Progress,
) -> LocalModels:
    """The models behind `primary` and `alternative`.

    `backend_url` is an OpenAI-compatible server's base URL (then `model` is the name to ask it for, and the tiny models
    are staged); `model` alone is a directory or a Hub id; neither means `DEFAULT_MODEL`, and where that cannot be had
    (no network, a proxy that refuses) the tiny model stands in. `offline`, or HF_HUB_OFFLINE=1, forbids the network.
    Raises `LocalError` or `RemoteError` when what was asked for by name cannot be had.
    """
    offline = offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    if backend_url is not None:
        backend = _by_url(backend_url, model)
        return LocalModels(_tiny(cache_dir), backend)
    if model is not None and Path(model).expanduser().is_dir():
        return _both(_by_directory(Path(model).expanduser().resolve(), digests or Digests(), progress))
    try:
        return _both(_by_hub_id(model or DEFAULT_MODEL, cache_dir, offline=offline, progress=progress))
    except RemoteError as error:
        if model is not None:
            raise
        progress(
            f"{error.message}. Serving a tiny model that the project builds itself instead: "
            "it shows that everything works, but its text means nothing."
        )
        return LocalModels(_tiny(cache_dir))


def _both(source: ModelSource) -> LocalModels:
    return LocalModels({"primary": source, "alternative": source})


def _by_url(backend_url: str, model: str | None) -> ModelSource:
    if not backend_url.startswith(("http://", "https://")):
        raise LocalError(
            f"{backend_url!r} is not the URL of a model server",
            remedy="Give the base URL of its OpenAI API, such as http://localhost:11434/v1.",
        )
    if model is None:
        raise LocalError(
            f"No model named for the server at {backend_url}",
            remedy="Name one that it serves: --model llama3.2 (it lists them under /v1/models).",
        )
    return ModelSource(SourceKind.OPENAI_URL, backend_url.rstrip("/"), model)


def _by_directory(directory: Path, digests: Digests, progress: Progress) -> ModelSource:
    missing = [name for name in ("config.json", "tokenizer.json") if not (directory / name).is_file()]
    if not any(directory.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise LocalError(
            f"{directory} is not a model directory: {', '.join(missing)} not found in it",
            remedy="Give a directory as save_pretrained() writes it, with weights in safetensors.",
        )
    size_gb = sum(file.stat().st_size for file in directory.iterdir() if file.is_file()) / 1e9
    if size_gb > SAID_ABOVE_GB:
        progress(f"reading {directory}, {size_gb:.1f} GB, to name its bytes (once, unless they change)")
    name = re.sub(r"[^\w.-]", "-", directory.name, flags=re.ASCII).lstrip("_.-") or "model"
    return ModelSource(
        SourceKind.DIRECTORY,
        str(directory),
        f"{DIRECTORY_OWNER}/{name}",
        content_revision(directory, digests),
    )


def content_revision(directory: Path, digests: Digests) -> str:
    """40 hexadecimal digits of what a model's directory holds, which stand for a commit."""
    names = selected(file.name for file in directory.iterdir() if file.is_file())
    content = [(name, digests.sha256(directory / name)) for name in names]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]


def _by_hub_id(model_id: str, cache_dir: Path, *, offline: bool, progress: Progress) -> ModelSource:
    revision = pinned_revision(model_id)
    directory = cached_model(model_id, revision=revision, cache_dir=cache_dir)
    if directory is None:
        if offline:
            raise HubUnreachableError(
                f"The network is off and {model_id} is not in {cache_dir}",
                remedy="Unset HF_HUB_OFFLINE, or give the directory of a model: --model DIRECTORY.",
            )
        directory = download_model(model_id, revision=revision, cache_dir=cache_dir, progress=progress)
    # The snapshot's directory is named after its commit.
    return ModelSource(
        SourceKind.DIRECTORY, str(directory), model_id, directory.name, quantisation=ISQ_OF_HUB_MODELS
    )


def staged_source(repository: str, revision: str, folder: Path) -> ModelSource:
    """How a snapshot's files are served: the tiny models and directories as they are, others quantised on load."""
    owner = repository.split("/")[0]
    return ModelSource(
        SourceKind.DIRECTORY,
        str(folder),
        repository,
        revision,
        meaningful=owner != TINY_OWNER,
        quantisation=None if owner in (TINY_OWNER, DIRECTORY_OWNER) else ISQ_OF_HUB_MODELS,
    )


def pinned_revision(model_id: str) -> str | None:
    """The commit the catalogue pins; None for models it does not list (then the Hub's main is used)."""
    try:
        return load_catalogue().model(model_id).revision.sha
    except CatalogueError:
        return None


def _tiny(cache_dir: Path) -> Mapping[str, ModelSource]:
    return {role: _tiny_source(cache_dir, seed) for role, seed in TINY_SEEDS.items()}


def _tiny_source(cache_dir: Path, seed: int) -> ModelSource:
    directory = tiny_model(cache_dir, seed=seed)
    return ModelSource(
        SourceKind.DIRECTORY,
        str(directory),
        f"{TINY_OWNER}/tiny-{seed}",
        tiny_revision(seed),
        meaningful=False,
    )
