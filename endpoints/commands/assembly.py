"""An environment's templates: synthesised now, or written earlier by `cdk synth`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from endpoints.adapters.assembly import PROJECT, read_assembly, synthesise
from endpoints.commands.access import LOCAL
from endpoints.commands.output import progress
from endpoints.errors import DeployError
from endpoints.local import daemon, deployment
from endpoints.local.settings import LocalSettings
from endpoints.locks import LOCAL_LOCK, Lock, read_lock
from endpoints.naming import stack_name
from endpoints.templates import Template

Templates = Mapping[str, Template]
"""By stack name."""

AssemblyOption = Annotated[
    Path | None,
    typer.Option("--assembly", help="A folder that `cdk synth --output` wrote. Default: synthesise now."),
]


def environment_templates(environment: str, assembly: Path | None) -> Templates:
    """Those in `assembly`, or new ones. Raises `DeployError`."""
    if assembly is not None:
        return of_environment(environment, read_assembly(assembly))
    # Never into `assembly_folder`: a deploy that is under way deploys from there.
    with tempfile.TemporaryDirectory(prefix="adept-synth-") as out:
        return synthesised(environment, Path(out))


def synthesised(environment: str, out: Path) -> Templates:
    """Templates of `environment`, written to `out`. Raises `DeployError`."""
    progress(f"synthesising {environment}")
    return of_environment(environment, synthesise(environment, out, env=cdk_env(environment)))


def of_environment(environment: str, templates: Templates) -> Templates:
    """Without stacks of another environment: `cdk synth` adds to a folder. Raises `DeployError` when none is left."""
    own = {name: body for name, body in templates.items() if name.startswith(stack_name(environment, ""))}
    if not own:
        raise DeployError(
            f"the cloud assembly has no stack of {environment}: it has {', '.join(templates) or 'none at all'}",
            remedy=f"Synthesise it: cdk synth -c environment={environment} --output FOLDER",
        )
    return own


def environment_lock(environment: str) -> Lock:
    """The lock that templates of `environment` are synthesised from, and that names its weights. Raises `LockError`.

    For `local` that of what the embedded AWS serves, written anew, where it serves anything.
    """
    local = cdk_env(environment).get(LOCAL_LOCK) if environment == LOCAL else None
    return read_lock(environment, Path(local) if local else None)


def cdk_env(environment: str) -> dict[str, str]:
    """What the CDK CLI gets: the embedded AWS and nothing else for `local`, this process's environment otherwise."""
    if environment == LOCAL:
        return daemon.client_environment(LocalSettings.from_environment())
    return dict(os.environ)


def assembly_folder(environment: str) -> Path:
    """What `adept deploy` deploys from; below the embedded AWS's own files for `local`."""
    if environment == LOCAL:
        return deployment.assembly_dir(LocalSettings.from_environment())
    return PROJECT / ".adept" / "deploy" / environment
