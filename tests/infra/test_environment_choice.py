"""Naming the environment: what `cdk synth` says when it is missing or unknown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _synth(tmp_path: Path, context: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the app as the CDK CLI runs it."""
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": json.dumps(context)}
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("context", "message", "remedy"),
    [
        ({}, "no environment was named", "NAME is one of local, sandbox, staging, production."),
        ({"environment": ""}, "no environment '' in the catalogue", "Known: local, "),
        ({"environment": "prod"}, "no environment 'prod' in the catalogue", "Did you mean: production?"),
    ],
)
def test_a_missing_or_unknown_environment_is_one_error_with_a_remedy_and_no_template(
    tmp_path: Path, context: dict[str, str], message: str, remedy: str
) -> None:
    done = _synth(tmp_path, context)

    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"error: {message}"
    assert remedy in second
    assert not list(tmp_path.glob("*.template.json"))
