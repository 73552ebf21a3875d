"""`adept verify`: does what runs match what was synthesised?"""

from __future__ import annotations

from collections.abc import Collection

import typer

from endpoints.adapters.live_endpoints import AccountReader
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.assembly import AssemblyOption, Templates, environment_templates
from endpoints.commands.findings import findings_as_json, print_findings
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, progress
from endpoints.findings import Finding, blockers
from endpoints.verify.compare import verify as compare
from endpoints.verify.intent import endpoint_intents


def verify(
    environment: EnvironmentOption = LOCAL,
    assembly: AssemblyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what runs with what was synthesised. Exit code 1 when it is not what was meant."""
    load_catalogue().environment(environment)
    reader = reader_of(environment)  # before the synth: a system that is not up is said at once
    findings = verified(environment, environment_templates(environment, assembly), reader)
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
