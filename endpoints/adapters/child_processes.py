"""Programs that we start and wait for: when we are interrupted they get time to end, and none is left behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psutil

ENDING_S: Final = 10.0
_SAID_AFTER_S: Final = 1.0


@contextmanager
def ended_with_us(process: subprocess.Popen[str], tell: Callable[[str], None]) -> Iterator[None]:
    """Ends `process` and what it has started when the block is left by an exception, Ctrl-C above all.

    A terminal sends Ctrl-C to all of them, `kill` and a cancelled CI job only to us: so it is handed on. Who has not
    ended in time is killed, and at once when Ctrl-C comes a second time.
    """
    try:
        yield
    except BaseException:
        _end(process, tell)
        raise


def _end(process: subprocess.Popen[str], tell: Callable[[str], None]) -> None:
    alive = _family(process)
    with contextlib.suppress(KeyboardInterrupt):
        for one in alive:
            with contextlib.suppress(psutil.Error):
                one.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(alive, timeout=_SAID_AFTER_S)
        if alive:
            # Without their names: who ends this very moment has none any more.
            tell(f"waiting {ENDING_S:.0f} s for what was started to end; Ctrl-C ends it at once")
            _, alive = psutil.wait_procs(alive, timeout=ENDING_S)
    for one in alive:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(alive, timeout=_SAID_AFTER_S)


def _family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process and all that it has started; empty when it has ended."""
    with contextlib.suppress(psutil.Error):
        head = psutil.Process(process.pid)
        return [head, *head.children(recursive=True)]
    return []
