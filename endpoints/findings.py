"""What a check found: the one shape of preflight's and verify's results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding asks for."""

    BLOCKER = "blocker"  # do not go on: it will fail, or has failed
    WARNING = "warning"  # goes on, and somebody should look
    NOTE = "note"  # could not be checked, or is worth knowing


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fact about one place. `check` names the check, `where` the stack, variant or file."""

    check: str
    severity: Severity
    where: str
    found: str
    expected: str | None = None
    remedy: str | None = None


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that must stop a deploy."""
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCKER)
