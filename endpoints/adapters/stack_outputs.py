"""Where an environment's router answers, and what it wants of callers: from CloudFormation and API Gateway."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError

from endpoints.adapters.api_auth import BearerKey, Signature
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.naming import stack_name

_CONFIG: Final = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True)
class RouterAccess:
    """What a caller needs. `base_url` ends in the stage, without a slash: add `/v1/chat/completions`.

    `api_key` is None where callers sign.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    signature: Signature | None = field(default=None, repr=False)

    @property
    def auth(self) -> httpx.Auth:
        """What proves to the API who calls."""
        if self.api_key is not None:
            return BearerKey(self.api_key)
        return self.signature or httpx.Auth()


def router_access(
    environment: str, *, region: str, endpoint_url: str | None = None, session: boto3.Session | None = None
) -> RouterAccess:
    """Find the router of `environment`.

    `endpoint_url` is the embedded AWS; None takes AWS_ENDPOINT_URL, as boto3 does, or AWS itself. Without `session`,
    credentials come from where boto3 looks for them. Raises `RemoteError`: stack missing or unfinished, credentials
    missing, expired, denied.
    """
    endpoint_url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
    with aws_errors(f"find the router of {environment!r}", endpoint_url=endpoint_url):
        aws = _Aws(session or boto3.Session(), region, endpoint_url)
        outputs = _outputs(aws.client("cloudformation"), environment, region)
        base_url = _base_url(outputs, endpoint_url)
        if "ApiKeyId" not in outputs:  # the environment's `api.auth` is iam
            return RouterAccess(base_url, None, Signature(aws.credentials(), region))
        key = aws.client("apigateway").get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)
    return RouterAccess(base_url, str(key["value"]))


@dataclass(frozen=True)
class _Aws:
    session: boto3.Session
    region: str
    endpoint_url: str | None

    def client(self, service: str) -> Any:
        # boto3's stubs know services by literal names only.
        make: Any = self.session.client
        return make(service, region_name=self.region, endpoint_url=self.endpoint_url, config=_CONFIG)

    def credentials(self) -> Any:
        """What requests are signed with. Raises botocore's `NoCredentialsError`."""
        found = self.session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found


class _Outputs(dict[str, str]):
    """Outputs by name; a missing one is a stack that is not finished."""

    def __init__(self, values: Mapping[str, str], stack: str, status: str) -> None:
        super().__init__(values)
        self._stack, self._status = stack, status

    def __missing__(self, name: str) -> str:
        raise RemoteError(
            f"Stack {self._stack} has no output {name}; its status is {self._status}.",
            remedy="Deploy it again and look at its events in CloudFormation.",
        )


def _outputs(cloudformation: Any, environment: str, region: str) -> _Outputs:
    name = stack_name(environment, "router")
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) == "ValidationError":  # CloudFormation's code for a stack that is not there
            raise RemoteError(
                f"Stack {name} is not deployed in {region}.",
                remedy=f"Deploy it: make deploy ENV={environment}",
            ) from error
        raise
    values = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return _Outputs(values, name, stack["StackStatus"])


def _base_url(outputs: Mapping[str, str], endpoint_url: str | None) -> str:
    if endpoint_url is None:
        return outputs["ApiUrl"].rstrip("/")
    # The embedded AWS has no host name per API.
    return f"{endpoint_url.rstrip('/')}/restapis/{outputs['ApiId']}/{outputs['StageName']}/_user_request_"
