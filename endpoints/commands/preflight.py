"""`adept preflight`: what would go wrong if an environment were deployed now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from endpoints.adapters.account_facts import gather
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.assembly import AssemblyOption, Templates, environment_lock, environment_templates
from endpoints.commands.findings import findings_as_json, print_findings
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, progress, say
from endpoints.findings import Finding, Severity, blockers
from endpoints.preflight import EMBEDDED, AccountFacts, Plan, nothing_gathered
from endpoints.preflight import preflight as checked


def preflight(
    environment: EnvironmentOption = LOCAL,
    offline: Annotated[bool, typer.Option("--offline", help="Check only what needs no account.")] = False,
    assembly: AssemblyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check an environment before it is deployed. Exit code 1 when something would fail."""
    load_catalogue().environment(environment)  # a wrong name is said before seconds are spent
    findings = preflight_findings(environment, environment_templates(environment, assembly), offline=offline)
    if as_json:
        print_json(findings_as_json(environment, findings))
    else:
        print_findings(findings, nothing_found=f"Nothing stands in the way of deploying {environment}.")
        say(_summary(environment, findings))
    if blockers(findings):
        raise typer.Exit(1)


def preflight_findings(
    environment: str, templates: Templates, *, offline: bool = False
) -> tuple[Finding, ...]:
    """Gather what can be gathered, and check. Progress goes to standard error.

    Raises `CatalogueError` for an unknown environment, or when the templates hold no endpoint; `LockError`.
    """
    catalogue = load_catalogue()
    plan = Plan(
        catalogue=catalogue,
        environment=catalogue.environment(environment),
        templates=templates,
        lock=environment_lock(environment),
    )
    facts = nothing_gathered("offline") if offline else _facts(plan)
    return checked(plan, facts)


def _summary(environment: str, findings: Sequence[Finding]) -> str:
    """`production: 2 blockers, 1 warning, 3 not checked`."""
    blocked, warned, unchecked = (
        sum(finding.severity is severity for finding in findings)
        for severity in (Severity.BLOCKER, Severity.WARNING, Severity.NOTE)
    )
    return (
        f"{environment}: {blocked} blocker{'s'[: blocked != 1]}, {warned} warning{'s'[: warned != 1]}, "
        f"{unchecked} not checked"
    )


def _facts(plan: Plan) -> AccountFacts:
    if plan.environment.name == LOCAL:
        return EMBEDDED
    return gather(plan, aws_of(plan.environment.name), progress)
