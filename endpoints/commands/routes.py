"""`adept routes`: the route table that an environment's router has in force, and the catalogue's in its place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from endpoints.adapters.route_table_store import RouteTableStore, StoredTable
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.asking import confirmed
from endpoints.commands.assembly import environment_lock
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, print_table, progress, say
from endpoints.errors import CatalogueError, DeployError, RemoteError
from endpoints.locks import require_agreement
from endpoints.route_table import render_route_table
from endpoints.route_table_changes import Difference, differences, is_table, needs_deploy

_SHOWN = ("id", "weights", "candidate", "percent")
_FAULTS_SHOWN = 10
app = typer.Typer(
    help="How an environment's router treats requests: what is in force, and changing it without a deploy.",
    no_args_is_help=True,
)


@app.command("show")
def show(environment: EnvironmentOption = LOCAL, as_json: JsonOption = False) -> None:
    """Who answers for each use case now, and where that differs from the catalogue here.

    Exit code 1 when the router does not take what S3 holds.
    """
    store = _store(environment)
    stored = store.read()
    faults = store.faults(stored)
    wanted, why_not = _wanted_if_readable(environment)
    found = () if wanted is None else differences(_document(stored), wanted)
    if as_json:
        told = {"url": store.url, "etag": stored.etag, "valid": not faults, "faults": list(faults)}
        compared = None if wanted is None else _as_json(found)
        print_json({**told, "table": stored.document, "differences": compared})
    elif not faults:
        _print_table(environment, stored.document)
        _print_comparison(found, why_not)
    if faults and as_json:
        raise typer.Exit(1)
    _refuse_invalid(environment, faults)


@app.command("push")
def push(
    environment: EnvironmentOption = LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put this catalogue's routing in force: limits, order, experiments, shadows. No code and no model is deployed."""
    store, wanted = _store(environment), _wanted(environment)
    stored = store.read()
    faults, found = store.faults(stored), differences(_document(stored), wanted)
    if not as_json:
        _print_changes(stored, faults, found)
    differs = bool(found or faults)
    if differs:
        _require_locked(environment)
        _require_deployed(environment, store.deployed() or stored, wanted)
    if differs and not (dry_run or yes or sys.stdin.isatty()):
        raise DeployError(
            "nobody can be asked here: nothing was changed",
            remedy=f"Say it: adept routes push --env {environment} --yes",
        )
    pushed = differs and not dry_run
    if pushed:
        if not yes and not confirmed("Put this in force?"):
            raise DeployError("nothing was changed")
        store.replace(stored, wanted)
    if as_json:
        print_json({"url": store.url, "pushed": pushed, "differences": _as_json(found)})
    elif pushed:
        say("In force within seconds: each process of the router looks again with its requests.")
    else:
        say("Nothing was changed." if differs else "This is in force already.")


def _refuse_invalid(environment: str, faults: Sequence[str]) -> None:
    if faults:
        raise RemoteError(
            f"S3 holds no table that a router of {environment} takes:\n{_listed(faults)}",
            remedy="Each process of the router keeps the last good one that it has seen; a new process has that of the "
            f"last deploy. Put the catalogue's there: adept routes push --env {environment}",
        )


def _listed(faults: Sequence[str]) -> str:
    more = [f"  and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
    return "\n".join([*(f"  {fault}" for fault in faults[:_FAULTS_SHOWN]), *more])


def _require_locked(environment: str) -> None:
    """Raises `LockError` where the catalogue says other than the lock: what it says then runs nowhere."""
    catalogue = load_catalogue()
    require_agreement(catalogue, catalogue.environment(environment), environment_lock(environment))


def _require_deployed(environment: str, deployed: StoredTable, wanted: dict[str, Any]) -> None:
    """Raises `DeployError` where the deployed models are not those that the new table speaks of."""
    reasons = needs_deploy(deployed.document, wanted) if is_table(deployed.document) else ()
    if reasons:
        raise DeployError(
            f"this table is not for what is deployed: {'; '.join(reasons)}",
            remedy=f"Models, their settings and their prices take a deploy: adept deploy --env {environment}",
        )


def _store(environment: str) -> RouteTableStore:
    return RouteTableStore.of(aws_of(environment), environment)


def _wanted(environment: str) -> dict[str, Any]:
    """The catalogue's table. Raises `CatalogueError` for a catalogue with faults."""
    catalogue = load_catalogue()
    progress(f"rendering the catalogue's routes of {environment}")
    return render_route_table(catalogue, catalogue.environment(environment))


def _wanted_if_readable(environment: str) -> tuple[dict[str, Any] | None, str | None]:
    """The same, or why there is none: what is in force can be shown all the same."""
    try:
        return _wanted(environment), None
    except CatalogueError as error:
        return None, error.message


def _document(stored: StoredTable) -> dict[str, Any]:
    return stored.document if is_table(stored.document) else {}


def _print_table(environment: str, table: dict[str, Any]) -> None:
    print_table(
        f"Routes of {environment}",
        ("use case", "candidates, in order", "experiment", "shadow"),
        [_row(use_case, route) for use_case, route in table["use_cases"].items()],
    )


def _print_comparison(found: Sequence[Difference], why_not: str | None) -> None:
    if why_not is not None:
        say(f"Not compared with the catalogue here, which cannot be read. {why_not}")
    elif found:
        _print_differences("in force", "this catalogue", found)
    else:
        say("This catalogue says the same.")


def _print_changes(stored: StoredTable, faults: Sequence[str], found: Sequence[Difference]) -> None:
    """What is there that the router does not take, and what the new table changes."""
    if faults:
        say(f"S3 holds no table that the router takes:\n{_listed(faults)}")
    if is_table(stored.document):
        if found:
            _print_differences("in S3" if faults else "in force", "new", found)
    else:
        say("The catalogue's whole table takes its place.")


def _row(use_case: str, route: dict[str, Any]) -> tuple[str, str, str | None, str | None]:
    candidates = ", ".join(f"{each['role']} ({each['model_id']})" for each in route["candidates"])
    return use_case, candidates, _in_short(route.get("experiment")), _in_short(route.get("shadow"))


def _in_short(settings: dict[str, Any] | None) -> str | None:
    """What an experiment or a shadow is, without how it is kept in bounds."""
    if settings is None:
        return None
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name in _SHOWN)


def _print_differences(before: str, after: str, found: Sequence[Difference]) -> None:
    rows = [(each.place, each.before, each.after) for each in found]
    print_table("Differences", ("what", before, after), rows)


def _as_json(found: Sequence[Difference]) -> list[dict[str, object]]:
    return [{"place": each.place, "before": each.before, "after": each.after} for each in found]
