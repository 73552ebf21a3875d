"""What happens at a question: Ctrl-C, the end of input, Enter on nothing. At a terminal, as people meet it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest

from tests.support.waiting import eventually

PROGRAM = """
import typer
from endpoints.commands.asking import confirmed, hidden_entry

def ask() -> None:
    print("answer", {question})

typer.run(ask)
"""
SECRET = 'hidden_entry("Name of it", expected="type its name")'
YES_OR_NO = 'confirmed("Name of it")'


class Terminal:
    """A program that asks a question at a terminal of its own."""

    def __init__(self, question: str) -> None:
        self._terminal, its_end = pty.openpty()
        os.set_blocking(self._terminal, False)
        command = [sys.executable, "-c", PROGRAM.format(question=question)]
        self.process = subprocess.Popen(
            command, start_new_session=True, stdin=its_end, stdout=its_end, stderr=its_end
        )
        os.close(its_end)
        self.shown = ""

    def shows(self, text: str, times: int = 1) -> None:
        eventually(lambda: self._read().count(text) >= times, what=f"{text} at the terminal")

    def hides_what_is_typed(self) -> None:
        """What comes before is thrown away with the echo."""
        eventually(lambda: not termios.tcgetattr(self._terminal)[3] & termios.ECHO, what="a hidden prompt")

    def types(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def exit_code(self) -> int:
        code = self.process.wait(10)
        self._read()
        os.close(self._terminal)
        return code

    def _read(self) -> str:
        try:
            while piece := os.read(self._terminal, 4096):
                self.shown += piece.decode()
        except OSError:  # nothing yet, or nobody at the other end any more
            pass
        return self.shown


@pytest.mark.parametrize("question", [SECRET, YES_OR_NO])
def test_ctrl_c_at_a_question_ends_with_130(question: str) -> None:
    terminal = Terminal(question)
    terminal.shows("Name of it")
    terminal.process.send_signal(signal.SIGINT)

    assert terminal.exit_code() == 130
    assert "Traceback" not in terminal.shown
    assert "answer" not in terminal.shown


def test_the_end_of_input_is_no_ctrl_c() -> None:
    terminal = Terminal(YES_OR_NO)
    terminal.shows("Name of it")
    terminal.types("\x04")

    assert terminal.exit_code() == 1
    assert "Aborted" in terminal.shown


def test_an_empty_entry_is_told_what_is_expected_and_asked_again() -> None:
    terminal = Terminal(SECRET)
    terminal.hides_what_is_typed()
    terminal.types("\n")
    terminal.shows("nothing was entered: type its name, or Ctrl-C to leave")
    terminal.shows("Name of it", times=2)
    terminal.hides_what_is_typed()
    terminal.types("abcde\n")

    assert terminal.exit_code() == 0
    assert "answer abcde" in terminal.shown
