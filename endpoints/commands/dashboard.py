"""`adept dashboard`: the link to an environment's CloudWatch dashboard, and what is on it."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from endpoints.adapters.dashboard_body import Widget, dashboard_widgets
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL, aws_of
from endpoints.commands.output import EnvironmentOption, print_table, progress
from endpoints.dashboard_url import dashboard_url
from endpoints.naming import environment_name


def dashboard(
    environment: EnvironmentOption = LOCAL,
    open_url: Annotated[bool, typer.Option("--open-url", help="Open the link in a browser, too.")] = False,
    widgets: Annotated[
        bool, typer.Option("--widgets", help="List what the deployed dashboard shows.")
    ] = False,
) -> None:
    """Print the link to an environment's dashboard; local has no console and lists the widgets instead."""
    region = load_catalogue().environment(environment).region
    if environment == LOCAL:
        progress("the embedded AWS has no console; this is what the deployed dashboard shows")
    else:
        link = dashboard_url(environment, region)
        typer.echo(link)
        if open_url and not webbrowser.open(link):
            progress("no browser could be opened from here: open the link yourself")
    if widgets or environment == LOCAL:
        _print_widgets(environment)


def _print_widgets(environment: str) -> None:
    aws = aws_of(environment)
    shown = dashboard_widgets(
        environment_name(environment),
        region=aws.region,
        endpoint_url=aws.endpoint_url,
        session=aws.session,
    )
    print_table(
        f"dashboard {environment_name(environment)}",
        ("widget", "shows"),
        [_row(widget) for widget in shown],
    )


def _row(widget: Widget) -> tuple[str, str]:
    return widget.title, ", ".join(widget.shows)
