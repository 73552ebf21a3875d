"""An embedded AWS for tests: the real server process over containers that only echo."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3

from endpoints.local import daemon
from endpoints.local.clients import client_environment
from endpoints.local.ports import free_port
from endpoints.local.settings import LocalSettings
from tests.support.models import share_models

COMMAND = (sys.executable, "-m", "tests.contracts.ministack.fake_server")


@dataclass(frozen=True)
class Running:
    """`client(service)` is what a user's boto3 is after `adept local exec`."""

    settings: LocalSettings

    def client(self, service: str) -> Any:
        environment = client_environment(self.settings)
        create: Any = boto3.client  # its stubs want the service's name as a literal
        return create(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )

    def create_function(self, name: str, source: str) -> None:
        """A Lambda function of one file; its handler is `handler`."""
        bundle = BytesIO()
        with zipfile.ZipFile(bundle, "w") as archive:
            archive.writestr("index.py", source)
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role="arn:aws:iam::000000004577:role/any",
            Handler="index.handler",
            Code={"ZipFile": bundle.getvalue()},
            Timeout=60,
        )

    def invoke(self, name: str) -> Any:
        """What the function returned."""
        return json.loads(self.client("lambda").invoke(FunctionName=name)["Payload"].read())

    def start(self) -> daemon.Started:
        return daemon.up(self.settings, progress=_quiet, command=COMMAND)

    def stop(self) -> int:
        return daemon.down(self.settings, progress=_quiet)


def settings_in(home: Path) -> LocalSettings:
    """A home and a free port of their own. The backend is never asked: the containers only echo."""
    settings = LocalSettings(home=home, port=free_port(), backend_url="http://127.0.0.1:9/v1", model="echo")
    share_models(settings)
    return settings


@contextmanager
def embedded_aws(home: Path) -> Iterator[Running]:
    """A running embedded AWS; nothing of it is left afterwards."""
    running = Running(settings_in(home))
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _quiet(_message: str) -> None:
    """Progress is for people."""
