"""How commands print: tables for people, JSON for machines, progress on standard error."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

# Piped output has no width of its own; 80 columns would fold what a program or a log is to read.
_PIPED_WIDTH = 180

console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
errors = Console(stderr=True, width=None if sys.stderr.isatty() else _PIPED_WIDTH)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
EnvironmentOption = Annotated[
    str, typer.Option("--env", help="Environment: local, sandbox, staging or production.")
]


def print_json(value: Any) -> None:
    """`value` as JSON on standard output, unwrapped and uncoloured."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; columns whose name starts with ">" are right-aligned. Cells are text as it is, or styled `Text`."""
    table = Table(title=Text(title), title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        # Folded, never cut: an id with an ellipsis cannot be copied.
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def say(message: str) -> None:
    """One line on standard output, as it is: what models, users and AWS wrote may look like rich's markup."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def progress(message: str) -> None:
    """One line of progress, on standard error so that it never mixes with what a command prints."""
    errors.print(Text.assemble(("·", "dim"), " ", message))


def footnote(message: str) -> None:
    """A faint line on standard error: where an answer came from."""
    errors.print(Text(message, style="dim"))


def this_command() -> str:
    """The command as it was given, for whoever is to run it again: nobody shall do more than was asked for."""
    return shlex.join(["adept", *sys.argv[1:]])


def print_error(message: str, remedy: str | None) -> None:
    """What was wrong and what to do, on standard error."""
    errors.print(Text.assemble(("error:", "bold red"), " ", message), soft_wrap=True)
    if remedy:
        errors.print(Text(remedy), soft_wrap=True)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("—" if value is None else str(value))
