"""The pinned CDK CLI as a subprocess: everything into a log, a line per finished stack to whoever watches."""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endpoints.adapters.assembly import PROJECT, cdk_command, cdk_environment, with_template
from endpoints.adapters.child_processes import ended_with_us
from endpoints.errors import DeployError
from endpoints.preflight.quotas import STACKS_AT_ONCE
from endpoints.templates import Template

_TOLD: Final = ("✅", "❌")  # how the CDK CLI marks a stack that is done, or failed
_LINES_WHEN_IT_FAILED: Final = 60
_PROGRESS: Final = re.compile(r"\|\s+\d+/\d+ \|")  # "stack | 3/27 | 7:54:07 PM | DELETE_COMPLETE | ..."


@dataclass(frozen=True)
class CdkCli:
    """`env` is the whole environment of the CLI, `log` a file that is added to, `tell` gets the finished stacks."""

    env: Mapping[str, str]
    log: Path
    tell: Callable[[str], None]

    def bootstrap(self, assembly: Path) -> None:
        """Make what the CDK needs in the accounts of an assembly. Raises `DeployError`."""
        self._run("bootstrap", "--app", str(assembly.resolve()))  # without it the CLI runs the app once more

    def deploy(self, assembly: Path, *stacks: str, exclusively: bool = False) -> None:
        """Deploy `stacks` (none: all) of an assembly, and those they need unless `exclusively`.

        Raises `DeployError` with the CLI's last lines. Nothing is asked: what changes is shown and confirmed before.
        """
        chosen = (*stacks, "--exclusively") if exclusively else stacks or ("--all",)
        approval = ("--concurrency", str(STACKS_AT_ONCE), "--require-approval", "never")
        self._run("deploy", "--app", str(assembly.resolve()), *chosen, *approval)

    def _run(self, *arguments: str) -> None:
        last: deque[str] = deque(maxlen=_LINES_WHEN_IT_FAILED)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                (*cdk_command(), *arguments),
                cwd=PROJECT,
                env=cdk_environment(self.env),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",  # whatever this machine's locale is: the CLI is Node
                errors="replace",
            ) as process,
            ended_with_us(process, self.tell),
        ):
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                last.append(line)
                log.write(line)
                if line.strip().startswith(_TOLD):
                    self.tell(line.strip())
        if process.returncode != 0:
            raise DeployError(
                f"`cdk {arguments[0]}` failed with exit code {process.returncode}:\n{what_failed(last)}",
                remedy=f"All of its output is in {self.log}",
            )


def what_failed(lines: Iterable[str]) -> str:
    """Each line once, without the progress of rollbacks: the CLI repeats its list of failures for every stack."""
    told = (line.rstrip() for line in lines if not _PROGRESS.search(line) or "_FAILED" in line)
    return "\n".join(dict.fromkeys(filter(None, told)))


@dataclass(frozen=True)
class CdkDeployments:
    """Deploys one synthesised environment; `stacks` are those asked for (none: all)."""

    cli: CdkCli
    assembly: Path
    stacks: tuple[str, ...] = ()

    def deploy(self) -> None:
        """As synthesised. Raises `DeployError`."""
        self.cli.deploy(self.assembly, *self.stacks)

    def deploy_template(self, stack_name: str, template: Template) -> None:
        """One stack with another template than the synthesised one. Raises `DeployError`."""
        changed = with_template(self.assembly, stack_name, template)
        self.cli.deploy(changed, stack_name, exclusively=True)
