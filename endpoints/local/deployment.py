"""Deploying the CDK app to the embedded AWS, with the CDK CLI that also deploys it to AWS."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

from endpoints.errors import LocalError
from endpoints.local import daemon
from endpoints.local.settings import LocalSettings

_CONTEXT = ("-c", "environment=local")
_COMMANDS = (
    ("cdk", "bootstrap", *_CONTEXT),
    ("cdk", "deploy", "--all", "--concurrency", "4", "--require-approval", "never", *_CONTEXT),
)
_TOLD = ("✅", "❌")  # how the CDK CLI marks a stack that is done, or failed
_LINES_WHEN_IT_FAILED = 40


def deploy(settings: LocalSettings, tell: Callable[[str], None]) -> Path:
    """Bootstrap and deploy every stack of the local environment; `tell` gets a line per finished stack.

    Returns the log with all of the CLI's output. Raises `LocalError` with its last lines when a stack failed.
    """
    if shutil.which("cdk") is None:
        raise LocalError("the CDK CLI is not on PATH", remedy="Use the pinned one: make deploy ENV=local")
    log = settings.log_dir / "deploy.log"
    with log.open("w", encoding="utf-8") as file:
        for command in _COMMANDS:
            _run(
                command, daemon.client_environment(settings), lambda line: _keep(line, file.write, tell), log
            )
    return log


def _run(
    command: tuple[str, ...], environment: dict[str, str], keep: Callable[[str], None], log: Path
) -> None:
    last: deque[str] = deque(maxlen=_LINES_WHEN_IT_FAILED)
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",  # whatever this machine's locale is: the CLI is Node
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            last.append(line)
            keep(line)
    if process.returncode != 0:
        raise LocalError(
            f"`{' '.join(command)}` failed with exit code {process.returncode}:\n{''.join(last)}",
            remedy=f"All of its output is in {log}; the server's log: adept local logs",
        )


def _keep(line: str, write: Callable[[str], object], tell: Callable[[str], None]) -> None:
    write(line)
    if line.strip().startswith(_TOLD):
        tell(line.strip())
