"""docs/embedded-sagemaker.md names tests that hold its rows; they must be there."""

from __future__ import annotations

import re
from pathlib import Path

CONTRACTS = Path(__file__).parents[1]
DOCUMENT = CONTRACTS.parents[1] / "docs" / "embedded-sagemaker.md"
FILES = sorted((CONTRACTS / "sagemaker").glob("test_*.py")) + sorted(
    (CONTRACTS / "autoscaling").glob("test_*.py")
)
# `a_canary_gets_its_share…` or `…_deleted_meanwhile…`: snake case, with an ellipsis where it is cut
NAME = re.compile(r"`(…?[a-z][a-z0-9_]*_[a-z0-9_]*…?|…_[a-z0-9_]+…?)`")


def named_in_the_last_column() -> set[str]:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    return {name for row in rows for name in NAME.findall(row.rstrip(" |").rsplit("|", 1)[-1])}


def test_every_test_that_the_document_names_exists() -> None:
    functions = [name for file in FILES for name in re.findall(r"def test_(\w+)", file.read_text())]
    names = named_in_the_last_column()
    assert len(names) > 15
    missing = [name for name in names if not any(_means(name, function) for function in functions)]
    assert missing == []


def test_every_test_file_that_the_document_names_exists() -> None:
    known = {file.name for file in FILES}
    assert set(re.findall(r"test_\w+\.py", DOCUMENT.read_text())) <= known


def _means(name: str, function: str) -> bool:
    return re.fullmatch(name.replace("…", ".*"), function) is not None
