"""What can be known before a deploy, checked before it: pure findings from templates and gathered facts."""

from endpoints.preflight.account_facts import (
    EMBEDDED,
    AccountFacts,
    Fact,
    HubAccess,
    Quota,
    Staged,
    nothing_gathered,
)
from endpoints.preflight.checks import preflight
from endpoints.preflight.planned import Plan

__all__ = [
    "EMBEDDED",
    "AccountFacts",
    "Fact",
    "HubAccess",
    "Plan",
    "Quota",
    "Staged",
    "nothing_gathered",
    "preflight",
]
