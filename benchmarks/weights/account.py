"""An embedded AWS of the benchmark's own, with a bucket and a secret that has no value."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from endpoints.local import daemon
from endpoints.local.ports import free_port
from endpoints.local.settings import LocalSettings

BUCKET: Final = "weights"
_NOBODY: Final = "http://127.0.0.1:9/v1"  # no model is ever asked


@dataclass(frozen=True)
class BenchmarkAccount:
    """`variables` are the environment of programs that use it."""

    variables: dict[str, str]
    s3: Any

    def items(self, key: str) -> list[dict[str, Any]]:
        """A JSON list in the bucket."""
        found: list[dict[str, Any]] = json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return found

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of the objects below a prefix, by what follows it."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        rows = [row for page in pages for row in page.get("Contents", [])]
        return {row["Key"].removeprefix(prefix): row["Size"] for row in rows}

    def empty(self) -> None:
        """Remove every object."""
        for key in self.sizes(""):
            self.s3.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def embedded_account() -> Iterator[BenchmarkAccount]:
    """Started, and gone with its files afterwards."""
    with tempfile.TemporaryDirectory(prefix="adept-staging-") as home:
        settings = LocalSettings(home=Path(home), port=free_port(), backend_url=_NOBODY, model="nobody")
        try:
            daemon.up(settings, _quiet)
            yield _account(daemon.client_environment(settings))
        finally:
            daemon.down(settings, _quiet)


def _account(environment: dict[str, str]) -> BenchmarkAccount:
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    variables = {name: environment[name] for name in names}
    variables["AWS_DEFAULT_REGION"] = variables["AWS_REGION"]
    session = boto3.Session(
        variables["AWS_ACCESS_KEY_ID"],
        variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
    )
    s3 = session.client("s3", endpoint_url=variables["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket=BUCKET)
    secrets = session.client("secretsmanager", endpoint_url=variables["AWS_ENDPOINT_URL"])
    variables["TOKEN_SECRET_ARN"] = secrets.create_secret(Name="token")["ARN"]
    return BenchmarkAccount({**variables, "WEIGHTS_BUCKET": BUCKET}, s3)


def _quiet(_message: str) -> None:
    """The benchmark says itself what it does."""
