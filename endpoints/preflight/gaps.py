"""What could not be checked, said as a finding: silence would pass for "checked, and well"."""

from __future__ import annotations

from endpoints.findings import Finding, Severity
from endpoints.preflight.snapshot import Fact, Snapshot


def not_checked(check: str, where: str, what: str, snapshot: Snapshot, fact: Fact) -> Finding:
    """A note that `what` was not checked, and why."""
    return Finding(
        check=check,
        severity=Severity.NOTE,
        where=where,
        found=f"not checked: {what} ({snapshot.why_not(fact)})",
    )
