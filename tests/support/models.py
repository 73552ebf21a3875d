"""The tiny models, built once for all tests of a run: a second of work each, for every home directory otherwise."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from endpoints.local.settings import LocalSettings


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
