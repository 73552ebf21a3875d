"""The documents hold together: numbers name one decision each, and links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *DECISIONS]
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings: lower case, hyphens for spaces, nothing but letters, digits, hyphens."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(document: Path) -> Iterator[str]:
    for path, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        if path.startswith(("http://", "https://")):
            continue
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield f"{path}#{anchor}"


def test_every_decision_has_a_number_of_its_own_and_its_heading_says_it() -> None:
    numbers = [int(decision.name[:4]) for decision in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    for number, decision in zip(numbers, DECISIONS, strict=True):
        assert decision.read_text(encoding="utf-8").startswith(f"# {number}. "), decision.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_within_the_documents_leads_somewhere(document: Path) -> None:
    assert list(_broken(document)) == []
