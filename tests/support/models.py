"""The tiny models, built once for all tests of a run: a second of work each, for every home directory otherwise."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from endpoints.local.settings import LocalSettings

_WEIGHTS = "model.safetensors"


@cache
def model_cache() -> Path:
    """A directory of models, for as long as this process lives. What is built there stays."""
    folder = Path(tempfile.mkdtemp(prefix="adept-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def share_models(settings: LocalSettings) -> None:
    """Let an embedded AWS keep its models in `model_cache`."""
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.model_dir.symlink_to(model_cache())


def sharded(model: Path, folder: Path, *, shards: int, padding_bytes: int) -> Path:
    """The same model with its weights in so many files, as large ones come; a tensor of no use pads the first."""
    tensors = load_file(model / _WEIGHTS)
    names = sorted(tensors)
    owners = {name: names.index(name) % shards for name in names}
    padding = np.random.default_rng(0).integers(0, 256, padding_bytes, np.uint8)
    files = [f"model-{number:05d}-of-{shards:05d}.safetensors" for number in range(1, shards + 1)]
    for number, file in enumerate(files):
        own = {name: tensors[name] for name in names if owners[name] == number}
        save_file(own if number else own | {"padding": padding}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: files[owners[name]] for name in names}}
    (folder / f"{_WEIGHTS}.index.json").write_text(json.dumps(index))
    for path in model.iterdir():
        if path.name != _WEIGHTS:
            shutil.copyfile(path, folder / path.name)
    return folder
