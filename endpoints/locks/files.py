"""Which files of a repository an engine needs: one rule, as data, for the lock and for the stager."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

SELECTION: Final[Mapping[str, tuple[str, ...]]] = {
    "include": ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "*.txt"),
    "exclude": (
        # The same weights once more, in the maker's own format.
        "consolidated*.safetensors",
        # Indexes and configurations of formats that are not copied.
        "*.bin.index.json",
        "tf_model*",
        "flax_model*",
        # How it was trained.
        "trainer_state.json",
        "training_args*",
    ),
}
"""Shell patterns for files at the top of a repository, case matters; what a pattern of `exclude` names is left out.

Weights in safetensors only: pickles run code when they are loaded. The stager gets the same patterns in its request.
"""

_SHARD: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")


def selected(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of a repository's `paths` that an engine needs, sorted."""
    return tuple(sorted(path for path in paths if is_selected(path)))


def is_selected(path: str) -> bool:
    """True for a file at the top of the repository that is included and not excluded."""
    if "/" in path or any(fnmatchcase(path, pattern) for pattern in SELECTION["exclude"]):
        return False
    return any(fnmatchcase(path, pattern) for pattern in SELECTION["include"])


def missing_files(names: Iterable[str]) -> tuple[str, ...]:
    """What a complete snapshot would have besides `names`: its configuration, weights, and every shard of them."""
    present = frozenset(names)
    missing = [] if "config.json" in present else ["config.json"]
    if not any(name.endswith(".safetensors") for name in present):
        missing.append("*.safetensors")
    return (*missing, *sorted(_missing_shards(present)))


def _missing_shards(present: frozenset[str]) -> set[str]:
    wanted = {
        f"{shard['stem']}-{number:05d}-of-{shard['count']}.safetensors"
        for name in present
        if (shard := _SHARD.fullmatch(name))
        for number in range(1, int(shard["count"]) + 1)
    }
    return wanted - present
