"""What the environment costs a month, against its own limit. The figures are those of `adept cost`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.planned import Plan
from endpoints.sizing import EnvironmentCost, hourly_cost

BUDGET: Final = "budget"
PRICE: Final = "price"


def budget(plan: Plan) -> Iterator[Finding]:
    """The smallest fleets above the limit are a mistake; the largest above it are a risk."""
    cost = hourly_cost(plan.catalogue, plan.environment)
    yield from _unknown_prices(cost)
    limit = plan.environment.monthly_budget_usd
    lowest, highest = cost.usd_per_month_min, cost.usd_per_month_max
    if lowest is not None and lowest > limit:
        yield _over(plan, Severity.BLOCKER, "at their smallest", lowest)
    elif highest is not None and highest > limit:
        yield _over(plan, Severity.WARNING, "all scaled out, all month,", highest)


def _unknown_prices(cost: EnvironmentCost) -> Iterator[Finding]:
    unknown = dict.fromkeys(
        variant.instance_type
        for use_case in cost.use_cases
        for variant in use_case.variants
        if variant.usd_per_instance_hour is None
    )
    for instance_type in unknown:
        yield Finding(
            check=PRICE,
            severity=Severity.WARNING,
            where=instance_type,
            found=f"no price is known in {cost.region}: the month's cost cannot be judged",
            remedy=f"Add the hosting price in {cost.region} to endpoints/catalogue/instances.yaml, with its source.",
        )


def _over(plan: Plan, severity: Severity, fleets: str, usd_per_month: float) -> Finding:
    limit = plan.environment.monthly_budget_usd
    return Finding(
        check=BUDGET,
        severity=severity,
        where=plan.environment.name,
        found=f"the fleets {fleets} cost {usd_per_month:,.0f} USD a month",
        expected=f"at most {limit:,.0f} USD, monthly_budget_usd of the environment",
        remedy="Make fleets or instances smaller, or raise the limit in endpoints/catalogue/environments.yaml.",
    )
