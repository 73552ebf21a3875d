"""Scaling: is every variant registered, with its bounds and its policies, and is nothing suspended? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from endpoints.findings import Finding, Severity
from endpoints.verify.intent import EndpointIntent
from endpoints.verify.live import LiveEndpoint
from endpoints.verify.scaling import ScalableTarget


def compare_scaling(
    environment: str, intent: EndpointIntent, live: LiveEndpoint, deployed: EndpointIntent | None
) -> Iterator[Finding]:
    """Findings about the scalable targets of one endpoint; `deployed` is what the deployed template means.

    What differs between the two templates nobody has changed by hand: it waits for a deploy.
    """
    remedy = f"adept deploy --env {environment} registers it again."
    waits = f"Not deployed yet: adept deploy --env {environment}"
    for meant in intent.targets:
        running = live.target(meant.variant_name)
        where = f"{intent.endpoint_name}/{meant.variant_name}"
        if running is None:
            yield Finding(
                check="scaling-missing",
                severity=Severity.BLOCKER,
                where=where,
                found="autoscaling is not registered: the variant keeps its instance count whatever the load",
                expected=f"{meant.min_capacity}-{meant.max_capacity} instances",
                remedy=remedy,
            )
        else:
            before = deployed.target(meant.variant_name) if deployed else None
            yield from _bounds(where, meant, running, before, waits)
            yield from _suspended(where, meant, running)
            yield from _policies(where, meant, running, before, remedy, waits)
            yield from _scheduled_actions(where, meant, running, remedy)
    yield from _by_hand(intent, live, deployed)


def _bounds(
    where: str, meant: ScalableTarget, running: ScalableTarget, before: ScalableTarget | None, waits: str
) -> Iterator[Finding]:
    if running.bounds not in meant.allowed_bounds:
        yield Finding(
            check="scaling-bounds",
            severity=Severity.WARNING,
            where=where,
            found=f"scales between {running.min_capacity} and {running.max_capacity}",
            expected=f"between {meant.min_capacity} and {meant.max_capacity}",
            remedy="A schedule or a person changed it. Set it back, or write it into the environment and deploy."
            if before and before.allowed_bounds == meant.allowed_bounds
            else waits,
        )


def _suspended(where: str, meant: ScalableTarget, running: ScalableTarget) -> Iterator[Finding]:
    if running.suspended:
        yield Finding(
            check="scaling-suspended",
            severity=Severity.BLOCKER,
            where=where,
            found=f"autoscaling is switched off by hand: {', '.join(running.suspended)}",
            expected="active",
            remedy="Switch it on again: aws application-autoscaling register-scalable-target --service-namespace "
            f"sagemaker --scalable-dimension sagemaker:variant:DesiredInstanceCount --resource-id {meant.resource_id} "
            "--suspended-state DynamicScalingInSuspended=false,DynamicScalingOutSuspended=false,"
            "ScheduledScalingSuspended=false",
        )


def _policies(
    where: str,
    meant: ScalableTarget,
    running: ScalableTarget,
    before: ScalableTarget | None,
    remedy: str,
    waits: str,
) -> Iterator[Finding]:
    deployed = before.policies if before else ()
    have = {policy.name: policy for policy in running.policies}
    for policy in meant.policies:
        found = have.get(policy.name)
        if found is None:
            yield Finding(
                check="scaling-policy-missing",
                severity=Severity.BLOCKER,
                where=where,
                found=f"scaling policy {policy.name} is missing",
                expected=policy.policy_type,
                remedy=remedy,
            )
        elif found.policy_type != policy.policy_type or not includes(
            found.configuration, policy.configuration
        ):
            yield Finding(
                check="scaling-policy",
                severity=Severity.WARNING,
                where=where,
                found=f"scaling policy {policy.name} is {found.policy_type} {dict(found.configuration)}",
                expected=f"{policy.policy_type} {dict(policy.configuration)}",
                remedy="It was changed by hand. Delete it, then deploy: it is made anew."
                if policy in deployed
                else waits,
            )


def _scheduled_actions(
    where: str, meant: ScalableTarget, running: ScalableTarget, remedy: str
) -> Iterator[Finding]:
    have = {action.name: action.definition for action in running.scheduled_actions}
    for action in meant.scheduled_actions:
        if not includes(have.get(action.name, {}), action.definition):
            state = "is missing" if action.name not in have else f"is {dict(have[action.name])}"
            yield Finding(
                check="scheduled-action",
                severity=Severity.BLOCKER if action.name not in have else Severity.WARNING,
                where=where,
                found=f"scheduled capacity {action.name} {state}",
                expected=f"{dict(action.definition)}",
                remedy=remedy,
            )


def _by_hand(
    intent: EndpointIntent, live: LiveEndpoint, deployed: EndpointIntent | None
) -> Iterator[Finding]:
    """What neither template has."""
    for running in live.targets:
        meant = intent.target(running.variant_name)
        before = deployed.target(running.variant_name) if deployed else None
        meant = meant or before
        known = {*(meant.names if meant else ()), *(before.names if before else ())}
        names = [name for name in running.names if name not in known]
        what = ["autoscaling", *names] if meant is None else names
        if what:
            yield Finding(
                check="scaling-by-hand",
                severity=Severity.NOTE if meant else Severity.WARNING,
                where=f"{intent.endpoint_name}/{running.variant_name}",
                found=f"registered outside of the stack: {', '.join(what)}",
                expected="only what the stack registers",
                remedy="Write it into the use case or the environment, or remove it.",
            )


def includes(found: Any, meant: Any) -> bool:
    """True when everything meant is found; the service may add defaults. Numbers may come as strings."""
    if isinstance(meant, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and includes(found[name], item) for name, item in meant.items()
        )
    if isinstance(meant, list):
        return (
            isinstance(found, list)
            and len(found) == len(meant)
            and all(includes(a, b) for a, b in zip(found, meant, strict=True))
        )
    return bool(found == meant or _scalar(found) == _scalar(meant))


def _scalar(value: Any) -> Any:
    """One form for what CloudFormation writes as text and the API gives as a number, a boolean or a time."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.timestamp()
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return str(value)
