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
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, print_table, progress, say
from endpoints.errors import DeployError
from endpoints.route_table import render_route_table
from endpoints.route_table_changes import Difference, differences, is_table, needs_deploy

_SHOWN = ("id", "weights", "candidate", "percent")
app = typer.Typer(
    help="How an environment's router treats requests: what is in force, and changing it without a deploy.",
    no_args_is_help=True,
)


@app.command("show")
def show(environment: EnvironmentOption = LOCAL, as_json: JsonOption = False) -> None:
    """Who answers for each use case now, and where that differs from the catalogue here."""
    store, wanted = _store(environment), _wanted(environment)
    stored = store.read()
    found = differences(_document(stored), wanted)
    if as_json:
        told = {"url": store.url, "etag": stored.etag, "table": stored.document}
        print_json({**told, "differences": _as_json(found)})
        return
    if not is_table(stored.document):
        say(f"{store.url} holds no route table of this release: the router keeps the last good one.")
        return
    print_table(
        f"Routes of {environment}",
        ("use case", "candidates, in order", "experiment", "shadow"),
        [_row(use_case, route) for use_case, route in stored.document["use_cases"].items()],
    )
    if found:
        _print_differences("in force", "this catalogue", found)
    else:
        say("This catalogue says the same.")


@app.command("push")
def push(
    environment: EnvironmentOption = LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put this catalogue's routing in force: limits, order, experiments, shadows. No code and no model is deployed."""
    if not (dry_run or yes or sys.stdin.isatty()):
        raise DeployError(
            "nobody can be asked here", remedy=f"Say it: adept routes push --env {environment} --yes"
        )
    store, wanted = _store(environment), _wanted(environment)
    stored = store.read()
    found = differences(_document(stored), wanted)
    if found and not as_json:
        _print_differences("in force", "new", found)
    if found:
        _check(environment, stored, wanted)
    pushed = bool(found) and not dry_run
    if pushed:
        if not yes and not confirmed("Put this in force?"):
            raise DeployError("nothing was changed")
        store.replace(stored, wanted)
    if as_json:
        print_json({"url": store.url, "pushed": pushed, "differences": _as_json(found)})
    elif pushed:
        say("In force within seconds: each process of the router looks again with its requests.")
    else:
        say("Nothing was changed." if found else "This is in force already.")


def _check(environment: str, stored: StoredTable, wanted: dict[str, Any]) -> None:
    """Raises `DeployError` where the deployed models are not those that the new table speaks of."""
    reasons = needs_deploy(stored.document, wanted) if is_table(stored.document) else ()
    if reasons:
        raise DeployError(
            f"this table is not for what is deployed: {'; '.join(reasons)}",
            remedy=f"Models and their settings take a deploy: adept deploy --env {environment}",
        )


def _store(environment: str) -> RouteTableStore:
    return RouteTableStore.of(aws_of(environment), environment)


def _wanted(environment: str) -> dict[str, Any]:
    """The catalogue's table. Raises `CatalogueError` for a catalogue with faults."""
    catalogue = load_catalogue()
    progress(f"rendering the catalogue's routes of {environment}")
    return render_route_table(catalogue, catalogue.environment(environment))


def _document(stored: StoredTable) -> dict[str, Any]:
    return stored.document if is_table(stored.document) else {}


def _row(use_case: str, route: dict[str, Any]) -> tuple[str, str, str | None, str | None]:
    candidates = ", ".join(f"{each['role']} ({each['model_id']})" for each in route["candidates"])
    return use_case, candidates, _in_short(route.get("experiment")), _in_short(route.get("shadow"))


def _in_short(settings: object) -> str | None:
    """An experiment's or a shadow's settings as they stand there: an edited table may hold anything."""
    if not isinstance(settings, dict):
        return None
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name in _SHOWN)


def _print_differences(before: str, after: str, found: Sequence[Difference]) -> None:
    rows = [(each.place, each.before, each.after) for each in found]
    print_table("Differences", ("what", before, after), rows)


def _as_json(found: Sequence[Difference]) -> list[dict[str, object]]:
    return [{"place": each.place, "before": each.before, "after": each.after} for each in found]
