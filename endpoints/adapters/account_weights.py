"""The environment's foundation stack, and what lies in its weights' bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.naming import stack_name


@dataclass(frozen=True)
class Foundation:
    """Names that CloudFormation gave to what the environment's stacks share.

    `stager` is None in a stack that was deployed before there was one.
    """

    bucket: str
    token_secret: str
    stager: str | None = None


def foundation(account: Account, environment: str) -> Foundation | None:
    """None when the stack is not deployed. Raises `RemoteError`, also when it never finished."""
    name = stack_name(environment, "foundation")
    with aws_errors(f"read the stack {name}", endpoint_url=account.endpoint_url):
        try:
            stack = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if error_code(error) == "ValidationError":  # CloudFormation's code for a stack that is not there
                return None
            raise
    return _of_outputs(name, stack)


def require_foundation(account: Account, environment: str) -> Foundation:
    """Raises `RemoteError` when the stack is not deployed, too."""
    found = foundation(account, environment)
    if found is None:
        name = stack_name(environment, "foundation")
        raise RemoteError(
            f"stack {name} is not deployed in {account.region}",
            remedy=f"Deploy it (cents a month): cdk deploy -c environment={environment} {name}",
        )
    return found


def snapshot_files(account: Account, bucket: str, prefix: str) -> tuple[str, ...]:
    """Names of the objects below `prefix/`, without it; empty when there is none. Raises `RemoteError`."""
    with aws_errors(f"list s3://{bucket}/{prefix}/", endpoint_url=account.endpoint_url):
        pages = (
            account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        )
        keys = [str(stored["Key"]) for page in pages for stored in page.get("Contents", [])]
    return tuple(key.removeprefix(f"{prefix}/") for key in keys)


def _of_outputs(name: str, stack: dict[str, Any]) -> Foundation:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    try:
        return Foundation(
            bucket=outputs["WeightsBucketName"],
            token_secret=outputs["TokenSecretArn"],
            stager=outputs.get("StagerArn"),
        )
    except KeyError as missing:
        raise RemoteError(
            f"stack {name} has no output {missing}; its status is {stack['StackStatus']}",
            remedy="Deploy it again and look at its events in CloudFormation.",
        ) from None
