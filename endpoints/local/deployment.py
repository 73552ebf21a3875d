"""Deploying the CDK app to the embedded AWS, with the CDK CLI that also deploys it to AWS; nothing is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from endpoints.adapters.assembly import synthesise
from endpoints.adapters.cdk_cli import CdkCli
from endpoints.local import daemon
from endpoints.local.settings import LocalSettings

_ENVIRONMENT = "local"


def assembly_dir(settings: LocalSettings) -> Path:
    """Where the local environment is synthesised to."""
    return settings.home / "deploy" / _ENVIRONMENT


def deploy(settings: LocalSettings, tell: Callable[[str], None], *stacks: str) -> Path:
    """Bootstrap and deploy the local environment, or some of its stacks; `tell` gets a line per finished stack.

    Returns the log with all of the CLI's output. Raises `DeployError` with what failed.
    """
    log = settings.log_dir / "deploy.log"
    log.unlink(missing_ok=True)
    environment = daemon.client_environment(settings)
    cli = CdkCli(environment, log, tell)
    synthesise(_ENVIRONMENT, assembly_dir(settings), env=environment)
    cli.bootstrap(assembly_dir(settings))
    cli.deploy(assembly_dir(settings), *stacks)
    return log
