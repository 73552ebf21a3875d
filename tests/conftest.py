"""Shared by every test."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import infra  # noqa: F401 - chooses the pinned Node before the CDK starts one


def _without_an_account_of_the_hub() -> None:
    """The Hub's client finds no token and no cache of this machine's user, and asks nobody which programs run it: it
    would ask huggingface.co, once a day. It reads this when it is imported, so before any test is.
    """
    home = Path(tempfile.mkdtemp(prefix="adept-hf-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / ".agent_harnesses.json").write_text('{"standardEnvVars": [], "harnesses": {}}', encoding="utf-8")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE"):
        os.environ.pop(name, None)
    os.environ["HF_HOME"] = str(home)


_without_an_account_of_the_hub()
