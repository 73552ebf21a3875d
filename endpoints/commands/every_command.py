"""`adept` with all its commands. `endpoints.cli` loads it: that takes a second."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from endpoints.commands import (
    access,
    catalogue,
    dashboard,
    demo,
    deploy,
    invoke,
    local,
    lock,
    preflight,
    routes,
    stage,
    token,
    verify,
    weights,
)
from endpoints.commands.output import say

DISTRIBUTION = "adeptai-endpoints"  # its name in pyproject.toml

app = typer.Typer(
    name="adept",
    help="Language-model use cases on Amazon SageMaker: choose, run, invoke.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(local.app, name="local")
app.add_typer(catalogue.models, name="models")
app.add_typer(lock.app, name="lock")
app.command("use-cases")(catalogue.use_cases)
app.command("cost")(catalogue.cost)
app.command("invoke")(invoke.invoke)
app.command("access")(access.access)
app.command("demo")(demo.demo)
app.command("deploy")(deploy.deploy)
app.command("verify")(verify.verify)
app.command("dashboard")(dashboard.dashboard)
app.command("preflight")(preflight.preflight)
app.command("stage")(stage.stage)
app.add_typer(routes.app, name="routes")
app.add_typer(token.app, name="token")
app.add_typer(weights.app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"adept {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version, and stop.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Options of `adept` itself, without a command."""
