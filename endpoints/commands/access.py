"""From an environment's name to the AWS it is deployed to: the embedded one, or the user's account."""

from __future__ import annotations

from dataclasses import dataclass

import boto3

from endpoints.catalogue import load_catalogue
from endpoints.errors import LocalError
from endpoints.local import daemon
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings

LOCAL = "local"


@dataclass(frozen=True)
class Aws:
    """`endpoint_url` is None for AWS itself."""

    session: boto3.Session
    region: str
    endpoint_url: str | None


def aws_of(environment: str) -> Aws:
    """Where `environment` runs. Raises `CatalogueError` for an unknown name, `LocalError` when local is down."""
    region = load_catalogue().environment(environment).region
    if environment != LOCAL:
        return Aws(boto3.Session(), region, None)
    state = daemon.status(LocalSettings.from_environment())
    if not state.running:
        raise LocalError("the embedded AWS is not running", remedy="Start everything: make demo")
    # Credentials are given outright: a profile set here must never send local work to a real account.
    session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=region)
    return Aws(session, region, state.settings.endpoint_url)
