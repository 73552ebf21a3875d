"""What SageMaker would refuse of a release, and how to carry it out nevertheless. Pure.

SageMaker refuses an update that changes the instance type of a variant, or removes one, while the variant is
registered with Application Auto Scaling. CloudFormation cannot help: it updates the endpoint first, leaves scaling
resources alone that did not change, and deletes those of a removed variant last. So the stack is first deployed as it
is, without that variant's scaling; then as it shall be. CloudFormation makes the scaling anew, policies get their
alarms, and no resource is left that CloudFormation believes in and nobody else knows. After a crash in between, the
next deploy simply makes what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.templates import Template
from endpoints.upgrade.without_scaling import without_scaling
from endpoints.verify.compare import failed_stack_remedy
from endpoints.verify.intent import EndpointIntent, endpoint_intents, values_of
from endpoints.verify.live import Account, LiveEndpoint, LiveStack
from endpoints.verify.scaling import ScalableTarget

_STUCK: Final = frozenset({"UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"})


@dataclass(frozen=True, kw_only=True)
class ScalingPause:
    """Scaling of some variants of one endpoint, taken away for the length of an update.

    `reasons` are sentences. `without_scaling` is deployed first, None when the stack has none of it; `deployed` is
    what the stack goes back to when the update fails. `deregister` are variants that were registered by hand.
    `after_success` and `after_failure` are what CloudFormation does not know and nobody shall lose: policies and
    schedules that were added by hand, bounds and suspensions that were set by hand.
    """

    stack_name: str
    endpoint_name: str
    reasons: tuple[str, ...]
    without_scaling: Template | None
    deployed: Template
    deregister: tuple[str, ...]
    after_success: tuple[ScalableTarget, ...]
    after_failure: tuple[ScalableTarget, ...]


@dataclass(frozen=True, kw_only=True)
class UpdatePlan:
    """`blocked`: reasons why no deploy can work now. No pause: an ordinary `cdk deploy` does."""

    pauses: tuple[ScalingPause, ...] = ()
    blocked: tuple[Finding, ...] = ()


def plan_update(intents: Iterable[EndpointIntent], account: Account) -> UpdatePlan:
    """Plan the deploy of `intents` over what runs. Raises `DeployError`: see `without_scaling`."""
    deployed = _deployed_intents(account)
    intents = tuple(intents)
    pauses = (_pause(intent, deployed.get(intent.endpoint_name), account) for intent in intents)
    return UpdatePlan(
        pauses=tuple(pause for pause in pauses if pause is not None),
        blocked=(
            *_stuck_stacks(account.stacks.values()),
            *_changing_endpoints(intents, account),
            *_ringing_alarms(intents, deployed, account),
        ),
    )


def _deployed_intents(account: Account) -> dict[str, EndpointIntent]:
    templates = {name: stack.template for name, stack in account.stacks.items() if stack.template}
    return {intent.endpoint_name: intent for intent in endpoint_intents(templates, account.stacks)}


def _pause(intent: EndpointIntent, deployed: EndpointIntent | None, account: Account) -> ScalingPause | None:
    live = account.endpoints.get(intent.endpoint_name)
    if live is None or deployed is None:
        return None  # it is created, or its stack is: nothing is registered that could be in the way
    reasons = {**dict(_refused(intent, live)), **dict(_lost(intent, deployed, live))}
    if not reasons:
        return None
    in_stack = {target.resource_id for target in deployed.targets} & set(reasons)
    registered = tuple(target for target in live.targets if target.resource_id in reasons)
    stack = account.stacks[deployed.stack_name]
    values = values_of(stack, account.stacks)
    return ScalingPause(
        stack_name=deployed.stack_name,
        endpoint_name=intent.endpoint_name,
        reasons=tuple(reasons.values()),
        without_scaling=without_scaling(stack.template, in_stack, values) if in_stack else None,
        deployed=stack.template,
        deregister=tuple(target.resource_id for target in registered if target.resource_id not in in_stack),
        after_success=tuple(_by_hand(registered, deployed, intent)),
        after_failure=tuple(_by_hand(registered, deployed, deployed)),
    )


def _refused(intent: EndpointIntent, live: LiveEndpoint) -> Iterator[tuple[str, str]]:
    """Registered variants that SageMaker would not let change, by resource id."""
    for target in live.targets:
        running, meant = live.variant(target.variant_name), intent.variant(target.variant_name)
        where = f"{intent.endpoint_name}/{target.variant_name}"
        if running is None:
            continue
        if meant is None:
            yield target.resource_id, f"{where} is removed while it is registered for autoscaling"
        elif running.instance_types != meant.instance_types:
            was, becomes = ", ".join(running.instance_types), ", ".join(meant.instance_types)
            yield (
                target.resource_id,
                f"{where} moves from {was} to {becomes} while it is registered for autoscaling",
            )


def _lost(intent: EndpointIntent, deployed: EndpointIntent, live: LiveEndpoint) -> Iterator[tuple[str, str]]:
    """Scaling that the stack believes in and that is not there: CloudFormation alone would never make it anew."""
    for target in deployed.targets:
        running = live.target(target.variant_name)
        where = f"{intent.endpoint_name}/{target.variant_name}"
        if intent.target(target.variant_name) is None or live.variant(target.variant_name) is None:
            continue
        if running is None:
            yield target.resource_id, f"autoscaling of {where} was deregistered outside of its stack"
            continue
        missing = {policy.name for policy in target.policies} - {policy.name for policy in running.policies}
        if missing:
            names = ", ".join(sorted(missing))
            yield target.resource_id, f"scaling policy {names} of {where} was deleted outside of its stack"


def _by_hand(
    registered: Iterable[ScalableTarget], deployed: EndpointIntent, becomes: EndpointIntent
) -> Iterator[ScalableTarget]:
    """What of the registered scaling is nobody's but a person's, on top of what `becomes` registers."""
    for running in registered:
        was, meant = deployed.target(running.variant_name), becomes.target(running.variant_name)
        if becomes.variant(running.variant_name) is None or (was is not None and meant is None):
            continue
        kept = _without_known(running, was, meant)
        if meant is None:
            yield kept
        elif was is not None and was.bounds == meant.bounds != running.bounds:
            yield kept  # bounds that were set on the running system stay, as weights and counts do
        elif kept.policies or kept.scheduled_actions or kept.suspended:
            yield replace(kept, min_capacity=meant.min_capacity, max_capacity=meant.max_capacity)


def _without_known(running: ScalableTarget, *known: ScalableTarget | None) -> ScalableTarget:
    names = {name for target in known if target is not None for name in target.names}
    return replace(
        running,
        policies=tuple(policy for policy in running.policies if policy.name not in names),
        scheduled_actions=tuple(action for action in running.scheduled_actions if action.name not in names),
    )


def _stuck_stacks(stacks: Iterable[LiveStack]) -> Iterator[Finding]:
    for stack in stacks:
        status = stack.status or ""
        if status in _STUCK or status.endswith("_IN_PROGRESS"):
            busy = status.endswith("_IN_PROGRESS")
            yield Finding(
                check="stack-in-progress" if busy else "stack-failed",
                severity=Severity.BLOCKER,
                where=stack.name,
                found=f"the stack is {status}" + (f": {stack.reason}" if stack.reason else ""),
                expected="at rest",
                remedy="Wait until it is done, then deploy again." if busy else failed_stack_remedy(stack),
            )


def _changing_endpoints(intents: Iterable[EndpointIntent], account: Account) -> Iterator[Finding]:
    for intent in intents:
        live = account.endpoints.get(intent.endpoint_name)
        if live is not None and live.changing:
            yield Finding(
                check="endpoint-status",
                severity=Severity.BLOCKER,
                where=intent.endpoint_name,
                found=f"the endpoint is {live.status}: SageMaker would refuse another change",
                expected="InService",
                remedy="Wait until it is InService (scaling and rollbacks end by themselves), then deploy again.",
            )


def _ringing_alarms(
    intents: Iterable[EndpointIntent], deployed: Mapping[str, EndpointIntent], account: Account
) -> Iterator[Finding]:
    """SageMaker asks the alarms about both fleets, so one that the old fleet trips ends the update that mends it."""
    for intent in intents:
        was = deployed.get(intent.endpoint_name)
        updated = was is not None and was.variants != intent.variants
        if not updated or intent.endpoint_name not in account.endpoints:
            continue
        ringing = [name for name in intent.rollback_alarms if account.alarm_states.get(str(name)) == "ALARM"]
        if ringing:
            yield Finding(
                check="rollback-alarm-ringing",
                severity=Severity.BLOCKER,
                where=intent.endpoint_name,
                found=f"SageMaker would roll the update back at once: {', '.join(map(str, ringing))} is in ALARM",
                expected="OK",
                remedy="Wait: it is OK again after three minutes without trouble, or without requests. If this very "
                "update is what mends it, deploy once with `auto_rollback: false` under `updates` of the environment "
                "in endpoints/catalogue/environments.yaml (--use-case keeps the others out of it), then set it back.",
            )
