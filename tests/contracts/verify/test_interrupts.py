"""Ctrl-C while the CDK CLI works: it is given time to end, and no process of it is left behind. And before."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from endpoints.adapters import cdk_cli, child_processes
from endpoints.adapters.cdk_cli import CdkCli

# A CLI that starts a program of its own and says both process ids, as of a stack that is done.
PROGRAM = """
import os, pathlib, signal, subprocess, sys, time

def end(*_):
    time.sleep(0.3)
    pathlib.Path(os.environ["ENDED"]).touch()
    sys.exit(130)

signal.signal(signal.SIGINT, end if os.environ["MANNERS"] == "good" else signal.SIG_IGN)
deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
time.sleep(0.5)  # until the child ignores it
print("✅", os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("manners", ["good", "bad"])
def test_the_cli_gets_time_to_end_and_nothing_is_left_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manners: str
) -> None:
    # Given a CLI that is at work, and a program that it has started and that ends at nobody's word
    monkeypatch.setattr(cdk_cli, "cdk_command", lambda: (sys.executable, "-c", PROGRAM))
    monkeypatch.setattr(child_processes, "ENDING_S", 0.5)
    ended, told = tmp_path / "ended", []

    def interrupt(line: str) -> None:
        told.append(line)
        if len(told) == 1:
            signal.raise_signal(signal.SIGINT)

    cli = CdkCli({"ENDED": str(ended), "MANNERS": manners}, tmp_path / "log", interrupt)
    # When somebody presses Ctrl-C, which here reaches this process alone
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        cli.deploy(tmp_path)
    # Then it has ended in its own way, if it has one, and all is over soon
    assert ended.exists() == (manners == "good")
    assert time.monotonic() - began_s < 20
    assert "to end; Ctrl-C ends it at once" in told[1]
    pids = [int(word) for word in told[0].split()[1:]]
    assert len(pids) == 2
    assert not [pid for pid in pids if _is_alive(pid)]


# `adept`, to which a signal comes while it loads one of its own modules, or when all are loaded and not yet wired.
LOADING = """
import signal, sys

class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == "endpoints.commands.deploy":
            signal.raise_signal(int(sys.argv[1]))

sys.meta_path.insert(0, Interrupts())
from endpoints.cli import main
main()
"""
WIRING = """
import signal, sys, typer.main
typer.main.get_params_from_function = lambda _: signal.raise_signal(int(sys.argv[1]))
from endpoints.cli import main
main()
"""


@pytest.mark.parametrize(
    ("program", "sent"), [(LOADING, signal.SIGINT), (LOADING, signal.SIGTERM), (WIRING, signal.SIGINT)]
)
def test_while_the_program_is_still_loading_it_ends_with_130_and_no_traceback(
    program: str, sent: signal.Signals
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, str(sent.value)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 130
    assert done.stderr == "error: interrupted: nothing was changed\n"


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
