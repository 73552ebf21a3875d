"""Can an update move traffic as it is configured to, and is there something that stops a bad one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from typing import Any, Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.planned import Plan, PlannedEndpoint
from endpoints.preflight.template_values import as_list, literal_text
from endpoints.templates import Template, referenced, resources_of

CANARY: Final = "traffic-shift"
ROLLBACK_ALARMS: Final = "rollback-alarms"

MAX_SHARE_PERCENT: Final = 50  # of a canary and of a linear step
MIN_LINEAR_PERCENT: Final = 10
MAX_ALARMS: Final = 10
DESCRIBE_ALARMS: Final = "cloudwatch:DescribeAlarms"

_SIZE_OF: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_WHERE_CHOSEN: Final = "endpoints/sizing/traffic_shift.py chooses from the fleets' sizes"


def traffic_shift(plan: Plan) -> Iterator[Finding]:
    """SageMaker refuses an update whose first step is more than half of a fleet."""
    for endpoint in plan.endpoints:
        for problem, expected in _policy_problems(endpoint):
            yield Finding(
                check=CANARY,
                severity=Severity.BLOCKER,
                where=endpoint.stack,
                found=problem,
                expected=expected,
                remedy=f"Raise `min` of the fleet in environments.yaml, or shift all at once: {_WHERE_CHOSEN}.",
            )


def rollback_alarms(plan: Plan) -> Iterator[Finding]:
    """One to ten alarms that exist, and a role that may read them."""
    created = frozenset(_alarm_names(plan))
    for endpoint in plan.endpoints:
        names = _rollback_alarm_names(endpoint)
        yield from _alarm_count(endpoint, names)
        if names:
            yield from _unknown_alarms(endpoint, names, created)
            yield from _unreadable_alarms(plan, endpoint)


def _policy_problems(endpoint: PlannedEndpoint) -> Iterator[tuple[str, str]]:
    blue_green = endpoint.deployment.get("BlueGreenUpdatePolicy")
    if "RollingUpdatePolicy" in endpoint.deployment:
        if blue_green:
            yield "both a blue/green and a rolling update policy", "one of them"
        elif len(endpoint.variants) > 1:
            yield (
                f"a rolling update of {len(endpoint.variants)} variants",
                "blue/green: SageMaker rolls endpoints of one variant only",
            )
    if blue_green:
        yield from _shift_problems(endpoint, blue_green)


def _shift_problems(endpoint: PlannedEndpoint, policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    routing = policy.get("TrafficRoutingConfiguration", {})
    waits = int(policy.get("TerminationWaitInSeconds", 0)) + int(routing.get("WaitIntervalInSeconds", 0))
    longest = policy.get("MaximumExecutionTimeoutInSeconds")
    if longest is not None and waits >= int(longest):
        yield f"{waits} s of waiting in at most {longest} s", "a time-out longer than all waits together"
    kind = routing.get("Type")
    if kind not in _SIZE_OF:
        return
    size = routing.get(_SIZE_OF[kind])
    if size is None:
        yield f"{kind} without {_SIZE_OF[kind]}", "a size of at most half of the smallest fleet"
        return
    for variant in endpoint.variants:
        # An update keeps the instances that run, so the fleet is as small as scaling has made it.
        fleet = variant.count_min
        if (problem := _size_problem(kind, size, fleet)) is not None:
            found = f"{kind.lower()} step of {_size_text(size)} in the {variant.name} fleet of {fleet}"
            yield found, problem


def _size_problem(kind: str, size: Mapping[str, Any], fleet: int) -> str | None:
    """What is allowed instead; None when the step is allowed."""
    if fleet < 2:
        return "at least 2 instances: half of one is none"
    value = int(size["Value"])
    percent = value if size["Type"] == "CAPACITY_PERCENT" else 100 * value / fleet
    if percent > MAX_SHARE_PERCENT:
        return f"at most {MAX_SHARE_PERCENT} percent of the fleet"
    if kind == "LINEAR" and percent < MIN_LINEAR_PERCENT:
        return f"at least {MIN_LINEAR_PERCENT} percent of the fleet"
    return None


def _size_text(size: Mapping[str, Any]) -> str:
    unit = "percent" if size["Type"] == "CAPACITY_PERCENT" else "instances"
    return f"{size['Value']} {unit}"


def _rollback_alarm_names(endpoint: PlannedEndpoint) -> tuple[str, ...]:
    rollback = endpoint.deployment.get("AutoRollbackConfiguration", {})
    return tuple(literal_text(alarm.get("AlarmName")) for alarm in rollback.get("Alarms", []))


def _alarm_count(endpoint: PlannedEndpoint, names: tuple[str, ...]) -> Iterator[Finding]:
    if not names:
        yield Finding(
            check=ROLLBACK_ALARMS,
            severity=Severity.WARNING,
            where=endpoint.stack,
            found="no alarm ends an update that turns out badly",
            expected=f"1 to {MAX_ALARMS} alarms in AutoRollbackConfiguration",
            remedy="Give the endpoint rollback alarms (infra/endpoint_alarms.py).",
        )
    elif len(names) > MAX_ALARMS:
        yield Finding(
            check=ROLLBACK_ALARMS,
            severity=Severity.BLOCKER,
            where=endpoint.stack,
            found=f"{len(names)} rollback alarms",
            expected=f"at most {MAX_ALARMS}",
            remedy="Keep those that tell a bad model from a busy one, or join them in a composite alarm.",
        )


def _unknown_alarms(
    endpoint: PlannedEndpoint, names: tuple[str, ...], created: frozenset[str]
) -> Iterator[Finding]:
    # An alarm that is created elsewhere has a name as well; one that CloudFormation names has none here.
    for name in names:
        if name and name not in created:
            yield Finding(
                check=ROLLBACK_ALARMS,
                severity=Severity.WARNING,
                where=endpoint.stack,
                found=f"no stack of this environment creates the rollback alarm {name}",
                remedy="Correct its name, or see that it exists: an update watches it.",
            )


def _unreadable_alarms(plan: Plan, endpoint: PlannedEndpoint) -> Iterator[Finding]:
    template = plan.templates[endpoint.stack]
    for variant in endpoint.variants:
        role = variant.model.role_id if variant.model else None
        if role is not None and not _may(template, role, DESCRIBE_ALARMS):
            yield Finding(
                check=ROLLBACK_ALARMS,
                severity=Severity.BLOCKER,
                where=variant.where,
                found=f"the execution role {role} may not {DESCRIBE_ALARMS}",
                expected="the permission: SageMaker reads the rollback alarms with this role",
                remedy=f"Allow {DESCRIBE_ALARMS} in infra/served_model.py.",
            )


def _alarm_names(plan: Plan) -> Iterator[str]:
    for template in plan.templates.values():
        for resource_type in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            for properties in resources_of(template, resource_type).values():
                yield literal_text(properties.get("AlarmName"))


def _may(template: Template, role: str, action: str) -> bool:
    return any(
        statement.get("Effect") == "Allow"
        and any(fnmatch(action.lower(), pattern.lower()) for pattern in as_list(statement.get("Action")))
        for statement in _statements(template, role)
    )


def _statements(template: Template, role: str) -> Iterator[Mapping[str, Any]]:
    for policy in resources_of(template, "AWS::IAM::Policy").values():
        if any(referenced(attached) == role for attached in policy.get("Roles", [])):
            yield from as_list(policy["PolicyDocument"].get("Statement"))
    for inline in resources_of(template, "AWS::IAM::Role").get(role, {}).get("Policies", []):
        yield from as_list(inline["PolicyDocument"].get("Statement"))
