"""Every benchmark runs as README says, `.venv/bin/python benchmarks/NAME.py`: from a path that has its folder alone."""

from __future__ import annotations

import ast
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [path for path in sorted((ROOT / "benchmarks").glob("*.py")) if "__main__" in path.read_text()]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_the_project_is_installed_with_it(program: Path) -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    installed = tools["setuptools"]["packages"]["find"]["include"]
    imported = {name for node in ast.walk(ast.parse(program.read_text())) for name in _modules(node)}
    own = {name for name in imported if (ROOT / name.partition(".")[0]).is_dir()}

    assert own
    assert [name for name in own if not any(fnmatch(name, pattern) for pattern in installed)] == []


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
