"""`adept deploy`: synthesise, check, show, deploy in as many phases as it takes, and prove the result."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from endpoints.adapters.assembly import read_assembly
from endpoints.adapters.cdk_cli import CdkCli, CdkDeployments
from endpoints.adapters.live_endpoints import AccountReader
from endpoints.adapters.update_executor import UpdateExecutor
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL
from endpoints.commands.assembly import (
    AssemblyOption,
    Templates,
    assembly_folder,
    cdk_env,
    of_environment,
    synthesised,
)
from endpoints.commands.findings import print_findings
from endpoints.commands.output import EnvironmentOption, print_table, progress, say, this_command
from endpoints.commands.preflight import preflight_findings
from endpoints.commands.verify import reader_of, verified
from endpoints.errors import AdeptError, DeployError, DeployInterrupted
from endpoints.findings import Finding, Severity, blockers
from endpoints.naming import stack_name
from endpoints.sizing.cost import hourly_cost
from endpoints.upgrade.plan import UpdatePlan, plan_update
from endpoints.verify.intent import endpoint_intents
from endpoints.verify.live import Account

_BOOTSTRAP_STACK = "CDKToolkit"


def deploy(
    environment: EnvironmentOption = LOCAL,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    use_case: Annotated[
        str | None,
        typer.Option("--use-case", help="Only this use case, and what it needs. Default: everything."),
    ] = None,
    assembly: AssemblyOption = None,
    skip_preflight: Annotated[
        str | None, typer.Option("--skip-preflight", metavar="REASON", help="Deploy unchecked; say why.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Check and show what would be done, and change nothing.")
    ] = False,
) -> None:
    """Deploy an environment. Updates that SageMaker would refuse are carried out in two phases."""
    began_s = time.monotonic()
    with _interruptible("nothing was changed", f"Run it again: {this_command()}"):
        stacks = _chosen_stacks(environment, use_case)
        _require_an_answer(environment, yes=yes or plan_only, skip_preflight=skip_preflight)
        reader = reader_of(environment)
        folder = assembly or assembly_folder(environment)
        templates = (
            of_environment(environment, read_assembly(folder))
            if assembly
            else synthesised(environment, folder)
        )
        _preflight(environment, templates, skip_preflight)
        account = reader.read(templates)
        plan = plan_update(_chosen_intents(templates, account, stacks), account)
        _refuse("the deploy cannot begin", plan.blocked)
        _show(environment, templates, account, plan, stacks)
        if plan_only:
            say("Nothing was changed.")
            return
        _confirm(environment, yes=yes)
    _carry_out(environment, folder, stacks, templates, plan, reader)
    with _interruptible(
        "everything is deployed, but nobody has looked at what runs",
        f"Look: adept verify --env {environment}",
    ):
        _prove(environment, templates, reader, stacks)
    took_s = time.monotonic() - began_s
    say(f"{use_case or environment} is deployed and verified; it took {took_s:.0f} s.")


@contextmanager
def _interruptible(state: str, remedy: str) -> Iterator[None]:
    """Ctrl-C, at a question (which makes `Abort` of it) as anywhere else, as what it leaves and what to do."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        raise DeployInterrupted(f"interrupted: {state}", remedy=remedy) from None


def _chosen_stacks(environment: str, use_case: str | None) -> tuple[str, ...]:
    catalogue = load_catalogue()
    catalogue.environment(environment)
    return () if use_case is None else (stack_name(environment, catalogue.use_case(use_case).id),)


def _chosen_intents(templates: Templates, account: Account, stacks: tuple[str, ...]) -> list[Any]:
    intents = endpoint_intents(templates, account.stacks)
    return [intent for intent in intents if not stacks or intent.stack_name in stacks]


def _preflight(environment: str, templates: Templates, skipped_because: str | None) -> None:
    if skipped_because is not None:
        progress(f"preflight is skipped: {skipped_because}")
        return
    progress(f"checking {environment} before anything is changed")
    findings = preflight_findings(environment, templates)
    _refuse("preflight found what would fail", blockers(findings))
    warnings = [finding for finding in findings if finding.severity is Severity.WARNING]
    if warnings:
        print_findings(warnings, nothing_found="")


def _refuse(what: str, findings: Sequence[Finding]) -> None:
    if findings:
        print_findings(findings, nothing_found="")
        raise DeployError(f"{what}: {', '.join(f'{f.check} at {f.where}' for f in findings)}")


def _show(
    environment: str, templates: Templates, account: Account, plan: UpdatePlan, stacks: tuple[str, ...]
) -> None:
    chosen = [name for name in templates if not stacks or name in stacks]
    print_table(
        f"What deploying {environment} does",
        ("stack", "change"),
        [(n, _change(n, templates, account)) for n in chosen],
    )
    for pause in plan.pauses:
        say(f"In two phases: {'; '.join(pause.reasons)}.")
        say("  1. its autoscaling is taken away: the instances that run keep serving, and none is added")
        say("  2. the update is deployed, and CloudFormation registers its autoscaling anew")
    for saving in _savings(environment, stacks):
        say(saving)


def _savings(environment: str, stacks: tuple[str, ...]) -> Iterable[str]:
    """What borrowed candidates do not cost."""
    catalogue = load_catalogue()
    if catalogue.environment(environment).embedded:
        return
    for cost in hourly_cost(catalogue, catalogue.environment(environment)).use_cases:
        if not stacks or stack_name(environment, cost.use_case) in stacks:
            for borrowed in cost.borrowed:
                usd = borrowed.usd_saved_per_hour
                saved = "" if usd is None else f": {usd:.2f} USD an hour saved"
                yield f"{cost.use_case} borrows its {borrowed.role} from {borrowed.lender}{saved}."


def _change(name: str, templates: Templates, account: Account) -> str:
    stack, becomes = account.stacks[name], templates[name]["Resources"]
    if stack.status is None:
        return f"new: {len(becomes)} resources"
    if stack.status == "ROLLBACK_COMPLETE":
        return f"made anew, because its creation failed: {len(becomes)} resources"
    if stack.template == templates[name]:
        return "none"
    was = stack.template.get("Resources", {})
    changed = [key for key in was if key in becomes and was[key] != becomes[key]]
    parts = {
        "changes": _kinds(becomes[key] for key in changed),
        "adds": _kinds(becomes[key] for key in becomes if key not in was),
        "removes": _kinds(was[key] for key in was if key not in becomes),
    }
    return (
        "; ".join(f"{verb} {kinds}" for verb, kinds in parts.items() if kinds)
        or "outputs or descriptions only"
    )


def _kinds(resources: Iterable[Mapping[str, Any]]) -> str:
    """`SageMaker::EndpointConfig, IAM::Policy (2)`."""
    counts = Counter(str(resource["Type"]).removeprefix("AWS::") for resource in resources)
    return ", ".join(kind if count == 1 else f"{kind} ({count})" for kind, count in sorted(counts.items()))


def _require_an_answer(environment: str, *, yes: bool, skip_preflight: str | None) -> None:
    """What would be asked later and cannot be answered is said before anything takes time."""
    if not yes and not sys.stdin.isatty():
        raise DeployError(
            "nobody can be asked here", remedy=f"Say it: adept deploy --env {environment} --yes"
        )
    if skip_preflight is not None and not skip_preflight.strip():
        raise DeployError(
            "preflight is to be skipped for no reason",
            remedy='Say why: --skip-preflight "the quota is granted"',
        )


def _confirm(environment: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(f"Deploy {environment}?"):
        raise DeployError("not deployed: nothing was changed")


def _carry_out(
    environment: str,
    folder: Path,
    stacks: tuple[str, ...],
    templates: Templates,
    plan: UpdatePlan,
    reader: AccountReader,
) -> None:
    log = assembly_folder(environment).with_suffix(".log")
    log.unlink(missing_ok=True)
    cli = CdkCli(cdk_env(environment), log, progress)
    if environment == LOCAL and not reader.has_stack(_BOOTSTRAP_STACK):
        with _interruptible("the CDK's own stack is not whole", f"Deploy again: {this_command()}"):
            cli.bootstrap(folder)
    executor = UpdateExecutor(
        CdkDeployments(cli, folder, stacks),
        reader.client("application-autoscaling"),
        reader.client("cloudformation"),
        progress,
    )
    try:
        executor.carry_out(plan, dict(templates))
    except KeyboardInterrupt:
        raise _interrupted(environment, [pause.endpoint_name for pause in executor.begun]) from None


def _interrupted(environment: str, paused: Sequence[str]) -> DeployInterrupted:
    scaling = f". Until the next deploy {', '.join(paused)} may be without autoscaling" if paused else ""
    return DeployInterrupted(
        f"interrupted: CloudFormation goes on with what it began, and begins nothing new{scaling}",
        remedy=f"See what runs: adept verify --env {environment}. When no stack changes any more, deploy again, and "
        f"what is missing is made: {this_command()}",
    )


def _prove(environment: str, templates: Templates, reader: AccountReader, stacks: tuple[str, ...]) -> None:
    findings = verified(environment, templates, reader, only=stacks)
    if findings:
        print_findings(findings, nothing_found="")
    wrong = blockers(findings)
    if wrong:
        raise AdeptError(
            f"deployed, but it is not what was meant: {', '.join(f'{f.check} at {f.where}' for f in wrong)}",
            remedy=f"What runs and why is in the table above. Look again: adept verify --env {environment}",
        )
