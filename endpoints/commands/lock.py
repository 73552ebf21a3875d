"""`adept lock`: write, check and compare the files that say what each environment runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from endpoints.adapters.lock_files import LockUpdate, LockUpdater, LockWish
from endpoints.catalogue import Catalogue, Environment, load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.output import JsonOption, footnote, print_json, print_table, progress, say
from endpoints.errors import LockError
from endpoints.local.stand_ins import tiny_stand_ins
from endpoints.locks import (
    Difference,
    Disagreement,
    Lock,
    StandIns,
    differences,
    disagreements,
    lock_path,
    read_lock,
    read_lock_file,
    render,
)

app = typer.Typer(help="Lock files: which bytes, images and settings each environment runs.")


@app.callback(invoke_without_command=True)
def lock(
    context: typer.Context,
    environment: Annotated[str | None, typer.Option("--env", help="One environment; default: all.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Only candidates that mean or run it; others stay as they are."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Move --model there: a branch, a tag or a commit.")
    ] = None,
    unpinned: Annotated[
        bool, typer.Option("--unpinned", help="In a sandbox that loads from the Hub: do without a commit.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the Hub.")] = False,
    staged: Annotated[
        bool,
        typer.Option(
            "--staged", help="Record what the Hub does not tell as it is staged (needs AWS credentials)."
        ),
    ] = False,
    image_digests: Annotated[
        bool,
        typer.Option("--image-digests", help="Ask ECR what the image tags mean (needs AWS credentials)."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare with the catalogue, write nothing. Exit code 1: disagreement."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write locks/<environment>.lock.yaml: the catalogue's pins, and the files that the Hub lists for them."""
    if context.invoked_subcommand is not None:
        return
    catalogue = load_catalogue()
    chosen = [catalogue.environment(environment)] if environment else list(catalogue.environments)
    if check:
        _check(catalogue, chosen, as_json=as_json)
        return
    wish = LockWish(
        model=catalogue.model(model).canonical_id if model else None,
        revision=revision,
        unpinned=unpinned,
        offline=offline,
        staged=staged,
        digests=image_digests,
    )
    _require_sense(wish, environment)
    _write(catalogue, chosen, wish, as_json=as_json)


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="An environment, or a lock file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="An environment, or a lock file.")],
    as_json: JsonOption = False,
) -> None:
    """What differs between two locks: environments, or files."""
    found = differences(_named_lock(first), _named_lock(second))
    if as_json:
        print_json([asdict(one) for one in found])
    elif found:
        print_table(f"{_count(found, 'difference')}", ("where", "field", first, second), _rows(found))
    else:
        say(f"{first} and {second} lock the same.")


def _require_sense(wish: LockWish, environment: str | None) -> None:
    if wish.revision is not None and wish.unpinned:
        raise LockError("--revision and --unpinned contradict each other", remedy="Give one of them.")
    if (wish.revision is not None or wish.unpinned) and (environment is None or wish.model is None):
        raise LockError(
            "a move concerns one model of one environment",
            remedy="Name both: adept lock --env staging --model MODEL --revision REVISION",
        )


def _write(
    catalogue: Catalogue, environments: Sequence[Environment], wish: LockWish, *, as_json: bool
) -> None:
    updater = LockUpdater(catalogue, wish, progress, aws_of)
    updates = [updater.update(one, _present_lock(one.name), _stand_ins(one)) for one in environments]
    for update in updates:  # only once nothing can fail any more: all of them, or none
        lock_path(update.environment).write_text(render(update.after), encoding="utf-8")
    if as_json:
        print_json([_as_json(update) for update in updates])
    else:
        for update in updates:
            _show(update)
        _show_notes(updates)
    refused = {error.message: error for update in updates for error in update.refused}
    if refused:
        raise LockError(
            "the Hub does not tell the files of: " + "; ".join(refused),
            remedy="\n".join(dict.fromkeys(error.remedy or "" for error in refused.values())),
        )


def _check(catalogue: Catalogue, environments: Sequence[Environment], *, as_json: bool) -> None:
    found = {one.name: _disagreements(catalogue, one) for one in environments}
    _tell_unconfirmed([one for one in environments if not one.embedded])
    wrong = {name: rows for name, rows in found.items() if rows}
    if as_json:
        print_json({name: [asdict(row) for row in rows] for name, rows in found.items()})
    elif not wrong:
        say(f"{', '.join(found)}: locks and catalogue agree.")
    for name, rows in wrong.items() if not as_json else ():
        print_table(
            f"{name}: {_count(rows, 'disagreement')}",
            ("candidate", "field", "the lock says", "the catalogue means"),
            [(row.candidate, row.field, row.locked, row.meant) for row in rows],
        )
        say(f"Lock it again and review what changes: adept lock --env {name}")
    if wrong:
        raise typer.Exit(1)


def _tell_unconfirmed(environments: Sequence[Environment]) -> None:
    """That a lock agrees with the catalogue says nothing of what lies on the Hub, and nobody is asked here."""
    for environment in environments:
        if names := read_lock(environment.name).unconfirmed:
            footnote(
                f"{environment.name}: no files are listed of {_count(names, 'snapshot')}, so nobody has confirmed that "
                f"the commits exist. Where the Hub answers: adept lock --env {environment.name}"
            )


def _disagreements(catalogue: Catalogue, environment: Environment) -> tuple[Disagreement, ...]:
    found = read_lock(environment.name)
    rows = disagreements(catalogue, environment, found, stand_ins=_stand_ins(environment))
    if not rows and render(found) != lock_path(environment.name).read_text(encoding="utf-8"):
        return (Disagreement(environment.name, "form", "the same in other words", "what adept lock writes"),)
    return rows


def _stand_ins(environment: Environment) -> StandIns:
    return tiny_stand_ins() if environment.embedded else {}


def _present_lock(environment: str) -> Lock | None:
    return read_lock(environment) if lock_path(environment).exists() else None


def _named_lock(name: str) -> Lock:
    """The lock of an environment, or the one in a file. Raises CatalogueError for a name that is neither."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return read_lock_file(path)
    return read_lock(load_catalogue().environment(name).name)


def _changes(update: LockUpdate) -> tuple[Difference, ...]:
    nothing = Lock(environment=update.environment, snapshots=(), candidates=())
    return differences(update.before or nothing, update.after)


def _as_json(update: LockUpdate) -> dict[str, Any]:
    return {
        "environment": update.environment,
        "path": str(lock_path(update.environment)),
        "changes": [asdict(one) for one in _changes(update)],
        "unrecorded": list(update.unrecorded),
        "notes": update.notes,
    }


def _show(update: LockUpdate) -> None:
    changes = _changes(update)
    if changes:
        title = f"{update.environment}: {_count(changes, 'change')}"
        print_table(title, ("where", "field", "was", "is"), _rows(changes))
    else:
        say(f"{update.environment}: nothing changed.")


def _show_notes(updates: Sequence[LockUpdate]) -> None:
    for note in dict.fromkeys(note for update in updates for note in update.notes):
        footnote(note)
    unrecorded = sorted(
        {name for update in updates if update.environment != LOCAL for name in update.unrecorded}
    )
    if unrecorded:
        footnote(
            f"The files of {_count(unrecorded, 'snapshot')} are not recorded yet, and nobody has confirmed with them "
            "that the commits exist. Where the Hub answers, `adept lock` does both:"
        )
    for name in unrecorded:
        footnote(f"  {name}")


def _rows(found: Sequence[Difference]) -> list[tuple[str | None, ...]]:
    return [(one.where, one.field, one.first, one.second) for one in found]


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
