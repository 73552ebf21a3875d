"""The router's bundle: few dependencies, locked, and the same versions as the project's own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "lambdas" / "router" / "requirements.txt"
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def test_the_lock_holds_a_parser_a_signer_and_botocores_tree_with_hashes_and_no_index() -> None:
    text = LOCK.read_text()
    botocores = {"botocore", "jmespath", "python-dateutil", "six", "urllib3"}
    assert dict(PINNED.findall(text)).keys() == {"httptools", "awscrt"} | botocores
    assert text.count("--hash=sha256:") >= 7
    assert "index" not in text


def test_the_router_runs_on_the_botocore_that_the_project_is_tested_with() -> None:
    project = dict(PINNED.findall((ROOT / "requirements" / "run.txt").read_text()))
    assert dict(PINNED.findall(LOCK.read_text())).items() <= project.items()


@pytest.mark.parametrize("edge", ["handler", "server"])
def test_the_router_starts_without_botocore_and_imports_nothing_beyond_its_bundle(edge: str) -> None:
    """In a fresh interpreter: neither the product nor any library that the bundle does not hold."""
    program = (
        f"import sys; before = set(sys.modules); import lambdas.router.{edge}; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names)
    loaded = {name for name in loaded if not name.startswith("_")}
    assert loaded == {"lambdas", "awscrt", "httptools", "cython_runtime"}
