"""End this process when the one that started it is gone, however that one ended."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Final

POLL_INTERVAL_S: Final = 0.5


def exit_with_parent() -> None:
    """Watch standard input, a pipe that the parent holds open, and the parent's process id.

    The pipe tells at once; the process id also when a third process has inherited the pipe's other end.
    """
    parent = os.getppid()
    threading.Thread(target=_exit_at_end_of_input, name="parent-pipe", daemon=True).start()
    threading.Thread(target=_exit_when_orphaned, args=(parent,), name="parent-pid", daemon=True).start()


def _exit_at_end_of_input() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)  # threads inside the model would keep an ordinary exit waiting


def _exit_when_orphaned(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_INTERVAL_S)
    os._exit(0)
