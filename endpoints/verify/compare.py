"""Is what runs what was meant? Every difference as a finding that says what happened and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.templates import ENDPOINT, Template, resources_of
from endpoints.verify.compare_alarms import compare_alarms
from endpoints.verify.compare_scaling import compare_scaling
from endpoints.verify.compare_variants import compare_variants
from endpoints.verify.intent import EndpointIntent, endpoint_intents
from endpoints.verify.live import Account, LiveEndpoint, LiveStack
from endpoints.verify.resolver import Unresolved, same_name

_SETTLED: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


def verify(
    environment: str,
    templates: Mapping[str, Template],
    intents: Iterable[EndpointIntent],
    account: Account,
) -> tuple[Finding, ...]:
    """Compare an environment's synthesised templates and intents with the account. No finding: all is as meant."""
    return (
        *(
            finding
            for name, template in templates.items()
            for finding in _stack(environment, name, template, account)
        ),
        *(finding for intent in intents for finding in _endpoint(environment, intent, account)),
    )


def _stack(environment: str, name: str, template: Template, account: Account) -> Iterator[Finding]:
    stack = account.stacks.get(name) or LiveStack(name=name, status=None)
    as_meant = stack.template == template
    if stack.status is None:
        yield _blocker(
            "stack-missing",
            name,
            "the stack is not deployed",
            "deployed",
            f"Deploy it: {_deploy(environment)}",
        )
        return
    if stack.status not in _SETTLED:
        yield _unsettled(environment, stack, as_meant=as_meant)
    if not as_meant:
        yield Finding(
            check="template-drift",
            severity=Severity.WARNING,
            where=name,
            found="another template is deployed than the one synthesised here",
            expected="the same template",
            remedy=f"See the difference: make diff ENV={environment}. Then {_deploy(environment)}, or check out the "
            "commit that is deployed.",
        )


def _unsettled(environment: str, stack: LiveStack, *, as_meant: bool) -> Finding:
    status = str(stack.status)
    why = f": {stack.reason}" if stack.reason else ""
    if status in _ROLLED_BACK:
        return Finding(
            check="stack-rolled-back",
            # What is wanted now may be exactly what it went back to.
            severity=Severity.NOTE if as_meant else Severity.BLOCKER,
            where=stack.name,
            found=f"its last update failed and was rolled back{why}",
            expected="updated",
            remedy=None if as_meant else f"Mend the cause, then {_deploy(environment)}",
        )
    if status.endswith("_IN_PROGRESS"):
        remedy = "Wait until it is done, then verify again."
        return _blocker("stack-in-progress", stack.name, f"the stack is {status}", "at rest", remedy)
    return _blocker(
        "stack-failed", stack.name, f"the stack is {status}{why}", "deployed", failed_stack_remedy(stack)
    )


def failed_stack_remedy(stack: LiveStack) -> str:
    """The command that gets a stuck stack going again."""
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return f"aws cloudformation continue-update-rollback --stack-name {stack.name}; then deploy again."
    return f"See its events: aws cloudformation describe-stack-events --stack-name {stack.name}; then deploy again."


def _endpoint(environment: str, intent: EndpointIntent, account: Account) -> Iterator[Finding]:
    stack = account.stacks.get(intent.stack_name)
    if stack is None or stack.status is None:
        return  # said once, of the stack
    for what in intent.unresolved:
        yield Finding(
            check="unresolved",
            severity=Severity.WARNING,
            where=intent.endpoint_name,
            found=f"cannot tell what was meant: {what}",
            remedy=f"Usually the stack is not fully deployed: {_deploy(environment)}",
        )
    live = account.endpoints.get(intent.endpoint_name)
    if live is None:
        yield _blocker(
            "endpoint-missing",
            intent.endpoint_name,
            f"the endpoint does not exist, although stack {intent.stack_name} is {stack.status}",
            "InService",
            "It was deleted outside of CloudFormation, which sees nothing to do. Delete its stack (aws cloudformation "
            f"delete-stack --stack-name {intent.stack_name}), wait until it is gone, then {_deploy(environment)}",
        )
        return
    yield from _status(intent, live)
    yield from _configuration(environment, intent, live)
    yield from compare_variants(environment, intent, live)
    yield from compare_scaling(environment, intent, live, _deployed(intent, stack, account))
    yield from compare_alarms(environment, intent, live, account.alarm_states)


def _deployed(intent: EndpointIntent, stack: LiveStack, account: Account) -> EndpointIntent | None:
    """The same endpoint as the deployed template means it; None where that has none."""
    if not resources_of(stack.template, ENDPOINT):
        return None
    deployed = endpoint_intents({stack.name: stack.template}, account.stacks)
    return next((one for one in deployed if one.endpoint_name == intent.endpoint_name), None)


def _status(intent: EndpointIntent, live: LiveEndpoint) -> Iterator[Finding]:
    if live.status == "InService":
        return
    why = f": {live.failure_reason}" if live.failure_reason else ""
    remedy = (
        "Wait until it is InService or Failed, then verify again."
        if live.changing
        else f"Its containers' logs: aws logs tail /aws/sagemaker/Endpoints/{intent.endpoint_name} --since 2h"
    )
    yield _blocker(
        "endpoint-status", intent.endpoint_name, f"the endpoint is {live.status}{why}", "InService", remedy
    )


def _configuration(environment: str, intent: EndpointIntent, live: LiveEndpoint) -> Iterator[Finding]:
    """SageMaker goes back to the old fleet after a failed update and says InService: the silent rollback."""
    if isinstance(intent.config_name, Unresolved):
        yield Finding(
            check="unresolved",
            severity=Severity.WARNING,
            where=intent.endpoint_name,
            found=f"cannot tell which configuration it should serve: {intent.config_name.why}",
            remedy=f"Usually it is not deployed yet: {_deploy(environment)}",
        )
        return
    if same_name(intent.config_name, live.config_name):
        return
    cause = (
        f"SageMaker rolled an update back: {live.failure_reason}"
        if live.failure_reason
        else "SageMaker gives no reason, so it was rolled back or updated outside of CloudFormation"
    )
    yield _blocker(
        "silent-rollback",
        intent.endpoint_name,
        f"silent rollback: the endpoint is {live.status}, but serves configuration {live.config_name}, which is "
        f"not the one its stack made. {cause}",
        f"configuration {intent.config_name}",
        f"Mend the cause; then let it serve what the stack made: aws sagemaker update-endpoint --endpoint-name "
        f"{intent.endpoint_name} --endpoint-config-name {intent.config_name} --retain-all-variant-properties "
        "--retain-deployment-config",
    )


def _deploy(environment: str) -> str:
    return f"adept deploy --env {environment}"


def _blocker(check: str, where: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(
        check=check, severity=Severity.BLOCKER, where=where, found=found, expected=expected, remedy=remedy
    )
