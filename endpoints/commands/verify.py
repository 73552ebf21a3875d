"""`adept verify`: does what runs match what was synthesised?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import typer

from endpoints.adapters.account_weights import loading_problem
from endpoints.adapters.live_endpoints import AccountReader
from endpoints.adapters.route_table_store import RouteTableStore
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.assembly import AssemblyOption, Templates, environment_templates
from endpoints.commands.findings import findings_as_json, print_findings
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, progress
from endpoints.errors import RemoteError
from endpoints.findings import Finding, blockers
from endpoints.naming import stack_name
from endpoints.verify.compare import verify as compare
from endpoints.verify.compare_stored import (
    Loaded,
    compare_route_table,
    compare_snapshots,
    loaded_snapshots,
    not_looked_at,
)
from endpoints.verify.intent import endpoint_intents
from endpoints.verify.live import LiveEndpoint


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
    intents = endpoint_intents(chosen, account.stacks)
    names = [intent.endpoint_name for intent in intents]
    running = [account.endpoints[name] for name in names if name in account.endpoints]
    router = chosen.keys() & {stack_name(environment, "router")}
    has_table = any(RouteTableStore.has_table(account.stacks[name].template) for name in router)
    return (
        *compare(environment, chosen, intents, account),
        *_snapshots(environment, running),
        *(_route_table(environment) if has_table else ()),
    )


def _snapshots(environment: str, running: Sequence[LiveEndpoint]) -> Iterator[Finding]:
    loaded = loaded_snapshots(running)
    if not loaded:
        return
    aws = aws_of(environment)
    progress(f"looking at the weights of {len(loaded)} snapshot{'s'[: len(loaded) > 1]}")
    problems: dict[Loaded, str] = {}
    for bucket, snapshot in loaded:
        try:
            problem = loading_problem(aws, bucket, snapshot)
        except RemoteError as error:
            yield not_looked_at("weights", f"s3://{bucket}/{snapshot.prefix}", error.message, error.remedy)
            continue
        if problem is not None:
            problems[bucket, snapshot] = problem
    yield from compare_snapshots(environment, loaded, problems)


def _route_table(environment: str) -> Iterator[Finding]:
    store = RouteTableStore.of(aws_of(environment), environment)
    try:
        faults = store.faults(store.read())
    except RemoteError as error:
        yield not_looked_at("route-table", store.url, error.message, error.remedy)
        return
    yield from compare_route_table(environment, store.url, faults)


def reader_of(environment: str) -> AccountReader:
    """Raises `CatalogueError` for an unknown name, `LocalError` when the embedded AWS is down."""
    aws = aws_of(environment)
    return AccountReader(aws.session, aws.region, aws.endpoint_url)
