"""Are there quotas enough, also while an update runs two fleets side by side?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.account_facts import AccountFacts, Fact, Quota
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.planned import Plan, PlannedEndpoint

CHECK: Final = "quota"

STACKS_AT_ONCE: Final = 4
"""So many stacks `adept deploy` deploys side by side, and so many endpoints may have two fleets at one time."""


@dataclass(frozen=True, kw_only=True)
class InstanceNeed:
    """Instances of one type that an account must allow.

    `serving` is every fleet at its smallest (or as large as it is now), with what `others` have in the same account.
    `updating` adds the second fleet of the largest endpoint: no update of it takes less. `side_by_side` adds those of
    the `STACKS_AT_ONCE` largest, when everything is updated. `busiest` is the same with every fleet scaled out.
    """

    instance_type: str
    others: int
    serving: int
    updating: int
    side_by_side: int
    busiest: int


def quotas(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """Too small a quota shows after minutes of creating, or in the middle of an update."""
    if facts.quotas is None:
        note = not_checked(CHECK, plan.environment.name, "quotas for endpoint instances", facts, Fact.QUOTAS)
        yield replace(note, expected=_wanted(plan, facts))
        return
    if facts.endpoints is None:
        found = "what other endpoints of the account use of the quotas"
        yield not_checked(CHECK, plan.environment.name, found, facts, Fact.ENDPOINTS)
    for instance_type in plan.instance_types:
        quota = facts.quotas.get(instance_type)
        if quota is not None:
            yield from _judged(plan, facts, instance_need(plan, facts, instance_type), quota)


def instance_need(plan: Plan, facts: AccountFacts, instance_type: str) -> InstanceNeed:
    """How many instances of a type the environment takes: now, during an update, and at its busiest."""
    live = facts.endpoints or {}
    planned = frozenset(endpoint.name for endpoint in plan.endpoints)
    others = sum(counts.get(instance_type, 0) for name, counts in live.items() if name not in planned)
    fleets = [
        max(_count(endpoint, instance_type), live.get(endpoint.name, {}).get(instance_type, 0))
        for endpoint in plan.endpoints
    ]
    scaled_out = [
        max(_count_max(endpoint, instance_type), fleet)
        for endpoint, fleet in zip(plan.endpoints, fleets, strict=True)
    ]
    serving = others + sum(fleets)
    return InstanceNeed(
        instance_type=instance_type,
        others=others,
        serving=serving,
        updating=serving + _largest(fleets, 1),
        side_by_side=serving + _largest(fleets, STACKS_AT_ONCE),
        busiest=others + sum(scaled_out) + _largest(scaled_out, STACKS_AT_ONCE),
    )


def _largest(fleets: list[int], how_many: int) -> int:
    return sum(sorted(fleets, reverse=True)[:how_many])


def _wanted(plan: Plan, facts: AccountFacts) -> str:
    """What to ask for, when nobody could look: enough to update everything, by instance type."""
    needs = (instance_need(plan, facts, instance_type) for instance_type in plan.instance_types)
    return ", ".join(f"{need.side_by_side} x {need.instance_type}" for need in needs if need.side_by_side)


def _judged(plan: Plan, facts: AccountFacts, need: InstanceNeed, quota: Quota) -> Iterator[Finding]:
    if need.serving == need.others:
        if quota.value < 1:
            yield _finding(plan, need, quota, Severity.WARNING, 1, "it can stand in for no other type")
    elif quota.value < need.serving:
        what = f"the fleets need {need.serving}"
        yield _finding(plan, need, quota, Severity.BLOCKER, need.side_by_side, what)
    elif quota.value < need.updating:
        first = _is_first_deploy(plan, facts)
        severity = Severity.WARNING if first else Severity.BLOCKER
        what = f"an update needs {need.updating}: the old fleet and the new one stand side by side"
        yield _finding(plan, need, quota, severity, need.side_by_side, what)
    elif quota.value < need.side_by_side:
        what = (
            f"up to {STACKS_AT_ONCE} endpoints are updated side by side, which takes {need.side_by_side}: "
            "with less, update one use case at a time (adept deploy --use-case)"
        )
        yield _finding(plan, need, quota, Severity.WARNING, need.side_by_side, what)
    elif quota.value < need.busiest:
        what = f"scaled out, an update needs up to {need.busiest}"
        yield _finding(plan, need, quota, Severity.WARNING, need.busiest, what)


def _is_first_deploy(plan: Plan, facts: AccountFacts) -> bool:
    """True when it is known that nothing of the environment is there yet, so that nothing is updated."""
    live = facts.endpoints
    return live is not None and not any(endpoint.name in live for endpoint in plan.endpoints)


def _finding(
    plan: Plan, need: InstanceNeed, quota: Quota, severity: Severity, wanted: int, what: str
) -> Finding:
    others = f" ({need.others} of them for other endpoints of the account)" if need.others else ""
    return Finding(
        check=CHECK,
        severity=severity,
        where=need.instance_type,
        found=f'the quota "{quota_name(need.instance_type)}" is {quota.value:g}; {what}{others}',
        expected=f"{wanted} or more",
        remedy=(
            "Ask for it: aws service-quotas request-service-quota-increase --service-code sagemaker "
            f"--quota-code {quota.code} --desired-value {wanted} --region {plan.environment.region}"
        ),
    )


def quota_name(instance_type: str) -> str:
    """As Service Quotas names it, under Amazon SageMaker."""
    return f"{instance_type} for endpoint usage"


def _count(endpoint: PlannedEndpoint, instance_type: str) -> int:
    return sum(v.count for v in endpoint.variants if v.instance_types[:1] == (instance_type,))


def _count_max(endpoint: PlannedEndpoint, instance_type: str) -> int:
    return sum(v.count_max for v in endpoint.variants if v.instance_types[:1] == (instance_type,))
