"""Every check, in the order in which findings of the same severity are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from endpoints.errors import CatalogueError
from endpoints.findings import Finding, Severity
from endpoints.preflight.account_facts import AccountFacts
from endpoints.preflight.budget import budget
from endpoints.preflight.endpoint_properties import container_environment, retained_variants, volume_key
from endpoints.preflight.host_ami import host_ami
from endpoints.preflight.hub_access import hub_access
from endpoints.preflight.planned import Plan
from endpoints.preflight.quotas import quotas
from endpoints.preflight.region import images_exist, instances_offered
from endpoints.preflight.sizing import memory
from endpoints.preflight.traffic_shift import rollback_alarms, traffic_shift
from endpoints.preflight.weights import loads_from_hub, manifests, weights_staged

OFFLINE: Final[tuple[Callable[[Plan], Iterable[Finding]], ...]] = (
    host_ami,
    volume_key,
    retained_variants,
    container_environment,
    loads_from_hub,
    traffic_shift,
    rollback_alarms,
    memory,
    budget,
)
"""They need the templates and the catalogue only."""

ONLINE: Final[tuple[Callable[[Plan, AccountFacts], Iterable[Finding]], ...]] = (
    quotas,
    instances_offered,
    images_exist,
    weights_staged,
    manifests,
    hub_access,
)
"""They need facts of the account; without a fact they answer a note."""

_ORDER: Final = tuple(Severity)


def preflight(plan: Plan, facts: AccountFacts) -> tuple[Finding, ...]:
    """What would go wrong when the plan's templates were deployed now; the gravest first.

    Raises CatalogueError when the templates hold no endpoint: then they are not this environment's.
    """
    name = plan.environment.name
    if not plan.endpoints:
        raise CatalogueError(
            f"the templates of {name!r} hold no SageMaker endpoint",
            remedy=f"Synthesise them: cdk synth -c environment={name} --output FOLDER",
        )
    found = chain(
        chain.from_iterable(check(plan) for check in OFFLINE),
        chain.from_iterable(check(plan, facts) for check in ONLINE),
    )
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: _ORDER.index(finding.severity)))
