"""The environment's foundation stack, and what lies in its weights' bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.naming import stack_name
from endpoints.preflight import Staged
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import lost_from, read_manifest


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
        alone = f"Deploy it (cents a month): cdk deploy -c environment={environment} {name}"
        embedded = account.endpoint_url is not None
        raise RemoteError(
            f"stack {name} is not deployed in {account.region}",
            remedy=f"Deploy everything: adept deploy --env {environment}" if embedded else alone,
        )
    return found


def staged_snapshot(account: Account, bucket: str, prefix: str) -> Staged:
    """What lies below `prefix/` (`<repository>/<commit sha>`), and its manifest. Raises `RemoteError`."""
    with aws_errors(f"list s3://{bucket}/{prefix}/", endpoint_url=account.endpoint_url):
        pages = (
            account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        )
        sizes = {
            str(stored["Key"]).removeprefix(f"{prefix}/"): int(stored["Size"])
            for page in pages
            for stored in page.get("Contents", [])
        }
    repository, _, revision = prefix.rpartition("/")
    key = SnapshotId(repository, revision).manifest_key
    body = _small_object(account, bucket, key)
    if body is None:
        return Staged(sizes=sizes)
    try:
        return Staged(sizes=sizes, manifest=read_manifest(body, f"s3://{bucket}/{key}"))
    except RemoteError as error:
        return Staged(sizes=sizes, damage=error.message)


def loading_problem(account: Account, bucket: str, snapshot: SnapshotId) -> str | None:
    """Why no container could load `snapshot` now; None where it could. Raises `RemoteError`."""
    try:
        staged = staged_snapshot(account, bucket, snapshot.prefix.rstrip("/"))
    except RemoteError as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) == "NoSuchBucket":
            return "there is no such bucket"
        raise
    if staged.damage is not None:
        return staged.damage
    if staged.manifest is None:
        return "its manifest is gone" if staged.sizes else "nothing is there"
    lost = lost_from(staged.manifest, staged.sizes)
    return f"{lost[0]}{f', and {len(lost) - 1} more' if len(lost) > 1 else ''}" if lost else None


def _small_object(account: Account, bucket: str, key: str) -> bytes | None:
    """None when there is none; without the permission to list, S3 answers AccessDenied, which is an error."""
    with aws_errors(f"read s3://{bucket}/{key}", endpoint_url=account.endpoint_url):
        try:
            return bytes(account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise


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
