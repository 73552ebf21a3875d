"""Questions at the terminal, on standard error. Ctrl-C at one ends the command as it does anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from endpoints.commands.output import progress


def confirmed(question: str) -> bool:
    """Whether the answer is yes; Enter alone is no."""
    with _ended_by_ctrl_c():
        return typer.confirm(question, err=True)


def hidden_entry(name: str, *, expected: str) -> str:
    """What is typed, unseen; an empty entry is told what is `expected`, and asked again."""
    while True:
        with _ended_by_ctrl_c():
            # A default, because click asks again without a word where there is none.
            entry = str(typer.prompt(name, default="", show_default=False, hide_input=True, err=True))
        if entry:
            return entry
        progress(f"nothing was entered: {expected}, or Ctrl-C to leave")


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Click makes one `Abort`, exit code 1, of Ctrl-C and of the end of input; this takes them apart again."""
    try:
        yield
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
