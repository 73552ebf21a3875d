"""How findings look in a terminal: nothing that is to be copied is broken in two."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from endpoints.commands import findings, output
from endpoints.findings import Finding, Severity

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FINDING = Finding(
    severity=Severity.WARNING,
    check="manifest",
    where="hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4",
    found=f"the lock records no files of commit {COMMIT}",
    expected="each file with its size and digest",
    remedy="Where the Hub can be reached: adept lock --env staging",
)


@pytest.mark.parametrize("width", [40, 80, 180])
def test_ids_commits_and_remedies_are_whole_at_every_width(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    printed = io.StringIO()
    console = Console(file=printed, width=width)
    for module in (output, findings):
        monkeypatch.setattr(module, "console", console)

    findings.print_findings([FINDING], nothing_found="nothing")

    for text in (
        COMMIT,
        FINDING.where,
        FINDING.check,
        "0 blockers, 1 warning",
        str(FINDING.remedy),
        "digest",
    ):
        assert text in printed.getvalue()
