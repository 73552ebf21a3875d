"""What can be known before a deploy, checked before it: pure findings from templates and a gathered snapshot."""

from endpoints.preflight.checks import preflight
from endpoints.preflight.planned import Plan
from endpoints.preflight.snapshot import EMBEDDED, Fact, HubAccess, Quota, Snapshot, Staged, nothing_gathered

__all__ = [
    "EMBEDDED",
    "Fact",
    "HubAccess",
    "Plan",
    "Quota",
    "Snapshot",
    "Staged",
    "nothing_gathered",
    "preflight",
]
