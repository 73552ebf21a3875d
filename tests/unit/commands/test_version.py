"""`adept --version`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.unit.commands.conftest import Adept

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_the_version_is_the_packages(adept: Adept) -> None:
    done = adept("--version")

    assert done.exit_code == 0
    assert done.stdout == f"adept {tomllib.loads(PROJECT.read_text())['project']['version']}\n"


def test_the_help_names_it_and_says_what_adept_is(adept: Adept) -> None:
    done = adept("--help")

    assert done.exit_code == 0
    assert "--version" in done.printed
    assert "Language-model use cases on Amazon SageMaker" in done.printed
