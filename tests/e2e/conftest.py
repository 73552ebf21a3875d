"""The whole system once per run: embedded AWS on a free port, the real CDK CLI, every stack deployed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest

from endpoints.adapters.assembly import cdk_environment
from endpoints.adapters.stack_outputs import RouterAccess, router_access
from endpoints.local import daemon, deployment
from endpoints.local.hub import Digests, HubReader
from endpoints.local.local_hub import repository
from endpoints.local.model_source import resolve_models
from endpoints.local.ports import free_port
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings
from endpoints.naming import stack_name
from tests.support.hub import RunningHub, running_hub
from tests.support.models import model_cache, share_models

# Made at run time: nothing that looks like a token stands in a file.
TOKEN = "hf_" + "endtoend".ljust(34, "x")
GRANTED = "acme/granted"  # a repository that a test may publish: the token reads it
COMMANDS_LOG = "commands.log"  # in the home directory: whatever a person would have seen of the commands
ROOT = Path(__file__).parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"


@dataclass(frozen=True)
class System:
    """A deployed local environment."""

    settings: LocalSettings
    access: RouterAccess

    @property
    def session(self) -> boto3.Session:
        return boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=self.settings.region)

    def client(self, service: str) -> Any:
        make: Any = self.session.client
        return make(service, endpoint_url=self.settings.endpoint_url)

    def http(self) -> httpx.Client:
        """A client of the API, with the key."""
        return httpx.Client(
            base_url=self.access.base_url,
            headers={"x-api-key": str(self.access.api_key)},
            timeout=40,
            trust_env=False,
        )

    def cdk(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the CDK CLI against the embedded AWS."""
        environment = cdk_environment(daemon.client_environment(self.settings)) | dict(env or {})
        return self._run([str(CDK), *arguments], environment)

    def synth(self, change: Mapping[str, Any]) -> Path:
        """The whole environment with one change (see `changed_app`), synthesised into a folder of its own."""
        out = Path(tempfile.mkdtemp(prefix="assembly-", dir=self.settings.home))
        app = f"{shlex.quote(sys.executable)} -m tests.e2e.changed_app"
        done = self.cdk(
            *("synth", "--quiet", "-c", "environment=local", "--output", str(out), "--app", app),
            env={"ADEPT_E2E_CHANGE": json.dumps(change)},
        )
        assert done.returncode == 0, done.stderr
        return out

    def release(self, assembly: Path, stack: str) -> subprocess.CompletedProcess[str]:
        """Deploy one stack of an assembly with the CDK CLI alone, as somebody without `adept` would."""
        options = ("--exclusively", "--require-approval", "never")
        return self.cdk("deploy", stack, "--app", str(assembly), *options)

    def adept(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command line, as a user's shell would run it."""
        environment = {
            **os.environ,
            "ADEPT_LOCAL_HOME": str(self.settings.home),
            "ADEPT_LOCAL_PORT": str(self.settings.port),
            **(env or {}),
        }
        return self._run([str(Path(sys.executable).parent / "adept"), *arguments], environment, stdin)

    def _run(
        self, command: Sequence[str], environment: Mapping[str, str], stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, check=False
        )
        with (self.settings.home / COMMANDS_LOG).open("a") as log:
            log.write(f"{command}\n{done.stdout}{done.stderr}\n")
        return done

    def model_server(self, name: str) -> psutil.Process:
        """The process that serves the model called `name`."""
        server = psutil.Process(daemon.status(self.settings).pid)
        return next(
            process
            for process in server.children(recursive=True)
            if any(f'"{name}"' in argument for argument in process.cmdline())
        )


def access_to(settings: LocalSettings) -> RouterAccess:
    """The API that is deployed there."""
    return router_access(
        "local",
        region=settings.region,
        endpoint_url=settings.endpoint_url,
        session=boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY),
    )


@pytest.fixture(scope="package", autouse=True)
def _laptop() -> Iterator[None]:
    """What `make` sets up, and a Hub out of reach: the model that the project builds is the same everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("PATH", f"{CDK.parent}:{Path(sys.executable).parent}", prepend=":")
        yield


@pytest.fixture(scope="package")
def hub(_laptop: None) -> Iterator[RunningHub]:
    """A Hub of its own, with its content delivery network at another origin: what stands in here is gated there."""
    models = resolve_models(cache_dir=model_cache(), offline=True, progress=print)
    repositories = [replace(repository(source, Digests()), gated="manual") for source in models.snapshots]
    reader = HubReader("e2e", granted=frozenset({GRANTED, *(one.repo_id for one in repositories)}))
    with running_hub(*repositories, readers={TOKEN: reader}) as running:
        yield running


@pytest.fixture(scope="package")
def system(hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Deployed as somebody does whose models are gated: the foundation, the token, everything else."""
    settings = LocalSettings(home=tmp_path_factory.mktemp("adept"), port=free_port(), hub_url=hub.url)
    share_models(settings)
    undeployed = System(settings, access=None)  # type: ignore[arg-type]  # there is no API before the deploy
    try:
        daemon.up(settings, print)
        deployment.deploy(settings, print, stack_name("local", "foundation"))
        stored = undeployed.adept(
            *("token", "set", "--env", "local"), stdin=f"{TOKEN}\n", env={"HF_HUB_OFFLINE": "0"}
        )
        assert stored.returncode == 0, stored.stderr
        deployment.deploy(settings, print)
        yield System(settings, access_to(settings))
    finally:
        daemon.down(settings, print)
