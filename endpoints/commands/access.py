"""From an environment's name to where it is deployed (the embedded AWS or an account), and to its API."""

from __future__ import annotations

import shlex

import boto3
import botocore.session
import typer

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.stack_outputs import RouterAccess, router_access
from endpoints.catalogue import load_environment
from endpoints.commands.output import EnvironmentOption, JsonOption, footnote, print_json
from endpoints.errors import LocalError
from endpoints.local import daemon
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings

LOCAL = "local"


def aws_of(environment: str) -> Account:
    """Where `environment` runs. Raises `CatalogueError` for an unknown name, `LocalError` when local is down."""
    region = load_environment(environment).region
    if environment != LOCAL:
        with aws_errors("use the AWS settings of this shell"):
            return Account(boto3.Session(), region)
    state = daemon.status(LocalSettings.from_environment())
    if not state.running:
        raise LocalError("the embedded AWS is not running", remedy="Start everything: make demo")
    return Account(_local_session(region), region, state.settings.endpoint_url)


def _local_session(region: str) -> boto3.Session:
    """Credentials are given outright, and no profile is looked up, whatever AWS_PROFILE says: one that is set must
    never send local work to a real account, and one that does not exist must not end it.
    """
    no_profile = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=region, botocore_session=no_profile)


def router_of(environment: str) -> RouterAccess:
    """The API of a deployed environment. Raises `RemoteError` when there is none."""
    aws = aws_of(environment)
    return router_access(environment, region=aws.region, endpoint_url=aws.endpoint_url, session=aws.session)


def access(environment: EnvironmentOption = LOCAL, as_json: JsonOption = False) -> None:
    """Print the API's URL and key, for `eval "$(adept access)"` or a program.

    An OpenAI SDK takes them as they are: base_url is ADEPT_API_URL with /v1 added, api_key is ADEPT_API_KEY.
    """
    router = router_of(environment)
    values = {"ADEPT_API_URL": router.base_url, "ADEPT_API_KEY": router.api_key}
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        if value is not None:
            typer.echo(f"export {name}={shlex.quote(value)}")
    if router.api_key is None:
        footnote("There is no key here: requests are signed (AWS Signature Version 4, service execute-api).")
