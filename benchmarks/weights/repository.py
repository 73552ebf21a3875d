"""A repository with the files of meta-llama/Llama-3.1-8B-Instruct, scaled down; the bytes are noise."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPO_ID: Final = "acme/llama-8b-scaled"
REVISION: Final = hashlib.sha1(REPO_ID.encode(), usedforsecurity=False).hexdigest()
_FULL_BYTES: Final = {
    "model-00001-of-00004.safetensors": 4_976_698_672,
    "model-00002-of-00004.safetensors": 4_999_802_720,
    "model-00003-of-00004.safetensors": 4_915_916_176,
    "model-00004-of-00004.safetensors": 1_168_138_808,
    "tokenizer.json": 9_085_657,
}
_UNSCALED_BYTES: Final = {
    "config.json": 855,
    "generation_config.json": 184,
    "model.safetensors.index.json": 23_950,
    "special_tokens_map.json": 296,
    "tokenizer_config.json": 55_351,
}


@dataclass(frozen=True)
class Repository:
    """`sizes` are bytes by path."""

    folder: Path
    sizes: dict[str, int]

    @property
    def total_bytes(self) -> int:
        return sum(self.sizes.values())


def make_repository(folder: Path, scale: int) -> Repository:
    """Its files in `folder`, the large ones a `scale`th of their size."""
    folder.mkdir(parents=True)
    sizes = {name: size // scale for name, size in _FULL_BYTES.items()} | _UNSCALED_BYTES
    for seed, (name, size) in enumerate(sizes.items()):
        (folder / name).write_bytes(random.Random(seed).randbytes(size))  # noqa: S311 -- nothing secret
    return Repository(folder, sizes)
