"""May the owner of the stored token read what is to be staged?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.account_facts import AccountFacts, Fact, HubAccess
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.hub_remedies import hub_remedy
from endpoints.preflight.planned import Plan, repository_of
from endpoints.preflight.weights import is_staged

HUB_ACCESS: Final = "hub-access"


def hub_access(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """Only the stored token can fetch a gated model. It matters less once the snapshot is in the bucket."""
    for prefix in plan.gated_snapshots:
        access = (facts.hub or {}).get(prefix)
        if access is None:
            what = f"access to {repository_of(prefix)} on the Hub"
            yield not_checked(HUB_ACCESS, plan.environment.name, what, facts, Fact.HUB)
        elif access is not HubAccess.GRANTED:
            yield Finding(
                check=HUB_ACCESS,
                severity=Severity.WARNING if is_staged(facts, prefix) else Severity.BLOCKER,
                where=repository_of(prefix),
                found=str(access),
                expected="a stored token whose owner may read the model",
                remedy=hub_remedy(
                    access,
                    repository_of(prefix),
                    environment=plan.environment.name,
                    hub_url=plan.environment.hub_url,
                ),
            )
