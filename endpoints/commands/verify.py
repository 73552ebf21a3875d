"""`adept verify`: does what runs match what was synthesised?"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from endpoints.adapters.assembly import PROJECT, read_assembly, synthesise
from endpoints.adapters.live_endpoints import AccountReader
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.findings import findings_as_json, print_findings
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, progress
from endpoints.errors import DeployError
from endpoints.findings import Finding, blockers
from endpoints.local import daemon, deployment
from endpoints.local.settings import LocalSettings
from endpoints.naming import stack_name
from endpoints.verify.compare import verify as compare
from endpoints.verify.intent import endpoint_intents

Templates = Mapping[str, Mapping[str, Any]]


def verify(
    environment: EnvironmentOption = LOCAL,
    assembly: Annotated[
        Path | None,
        typer.Option("--assembly", help="A folder that `cdk synth` wrote. Default: synthesise now."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what runs with what was synthesised. Exit code 1 when it is not what was meant."""
    load_catalogue().environment(environment)
    reader = reader_of(environment)  # before the synth: a system that is not up is said at once
    templates = (
        read_assembly(assembly) if assembly else synthesised(environment, assembly_folder(environment))
    )
    findings = verified(environment, of_environment(environment, templates), reader)
    if as_json:
        print_json(findings_as_json(environment, findings))
    else:
        print_findings(findings, nothing_found=f"{environment} runs what was meant: every check passed.")
    if blockers(findings):
        raise typer.Exit(1)


def verified(
    environment: str, templates: Templates, reader: AccountReader, *, only: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Findings about what runs now, of the stacks `only` (none: of all). Raises `RemoteError`."""
    progress(f"comparing what runs in {environment} with what was meant")
    account = reader.read(templates)  # all of them, because one stack's values come from another's exports
    chosen = {name: body for name, body in templates.items() if not only or name in only}
    return compare(environment, chosen, endpoint_intents(chosen, account.stacks), account)


def reader_of(environment: str) -> AccountReader:
    """Raises `CatalogueError` for an unknown name, `LocalError` when the embedded AWS is down."""
    aws = aws_of(environment)
    return AccountReader(aws.session, aws.region, aws.endpoint_url)


def synthesised(environment: str, out: Path) -> Templates:
    """Templates of `environment`, written to `out`. Raises `DeployError`."""
    progress(f"synthesising {environment}")
    return synthesise(environment, out, env=cdk_env(environment))


def of_environment(environment: str, templates: Templates) -> Templates:
    """Without stacks of another environment. Raises `DeployError` when none is left."""
    own = {name: body for name, body in templates.items() if name.startswith(stack_name(environment, ""))}
    if not own:
        raise DeployError(
            f"the cloud assembly has no stack of {environment}: it has {', '.join(templates) or 'none at all'}",
            remedy=f"Synthesise it: cdk synth -c environment={environment}",
        )
    return own


def cdk_env(environment: str) -> dict[str, str]:
    """What the CDK CLI gets: the embedded AWS and nothing else for `local`, this process's environment otherwise."""
    if environment == LOCAL:
        return daemon.client_environment(LocalSettings.from_environment())
    return dict(os.environ)


def assembly_folder(environment: str) -> Path:
    """Where `adept` synthesises to; below the embedded AWS's own files for `local`."""
    if environment == LOCAL:
        return deployment.assembly_dir(LocalSettings.from_environment())
    return PROJECT / ".adept" / "deploy" / environment
