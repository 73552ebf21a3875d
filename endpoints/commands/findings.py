"""How findings are shown: a table for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.text import Text

from endpoints.commands.output import console, print_table, say
from endpoints.findings import Finding, Severity, blockers

TABLE_WIDTH: Final = 140  # columns below which the table would break inside ids and commits
_STYLES: Final = {Severity.BLOCKER: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def findings_as_json(environment: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """`ok` is false when there is a blocker; each finding has the members of `Finding`."""
    return {
        "environment": environment,
        "ok": not blockers(findings),
        "findings": [asdict(finding) for finding in findings],
    }


def print_findings(findings: Sequence[Finding], *, nothing_found: str) -> None:
    """A table (in a narrow terminal a list) and the remedies; `nothing_found` is said when there is no finding."""
    if not findings:
        say(nothing_found)
        return
    counts = (sum(finding.severity is severity for finding in findings) for severity in Severity)
    title = ", ".join(
        f"{count} {severity}{'' if count == 1 else 's'}"
        for count, severity in zip(counts, Severity, strict=True)
    )
    if console.width < TABLE_WIDTH:
        _print_list(title, findings)
    else:
        print_table(title, ("severity", "check", "where", "found", "expected"), [_row(f) for f in findings])
    _print_remedies(findings)


def _print_list(title: str, findings: Sequence[Finding]) -> None:
    say(title)
    for finding in findings:
        say(f"{finding.severity}: {finding.check} at {finding.where}")
        say(f"  found: {finding.found}")
        if finding.expected:
            say(f"  expected: {finding.expected}")


def _row(finding: Finding) -> tuple[object, ...]:
    severity = Text(finding.severity.value, style=_STYLES[finding.severity])
    return (severity, finding.check, finding.where, finding.found, finding.expected)


def _print_remedies(findings: Sequence[Finding]) -> None:
    """Below the table and unfolded, each once, because most are commands to copy."""
    remedies: dict[str, list[str]] = {}
    for finding in findings:
        if finding.remedy:
            remedies.setdefault(finding.remedy, []).append(f"{finding.check} at {finding.where}")
    for remedy, places in remedies.items():
        say(f"{', '.join(places)}:")
        say(f"  {remedy}")
