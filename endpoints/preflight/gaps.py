"""What could not be checked, said as a finding: silence would pass for "checked, and well"."""

from __future__ import annotations

from endpoints.findings import Finding, Severity
from endpoints.preflight.account_facts import AccountFacts, Fact


def not_checked(check: str, where: str, what: str, facts: AccountFacts, fact: Fact) -> Finding:
    """A note that `what` was not checked, and why."""
    return Finding(
        check=check,
        severity=Severity.NOTE,
        where=where,
        found=f"not checked: {what} ({facts.why_not(fact)})",
    )
