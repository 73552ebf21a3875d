"""The route table that an environment's router reads, in its S3 object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.naming import stack_name

_OUTPUT: Final = "RouteTableUrl"
_CHANGED_MEANWHILE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True)
class StoredTable:
    """A version of the object; `document` is whatever JSON it holds, None where it holds none.

    `etag` is None where there is no object.
    """

    document: Any
    etag: str | None


@dataclass(frozen=True)
class RouteTableStore:
    """Every method raises `RemoteError`."""

    account: Account
    url: str

    @classmethod
    def of(cls, account: Account, environment: str) -> RouteTableStore:
        """The one of a deployed environment."""
        name = stack_name(environment, "router")
        with aws_errors(f"find the router of {environment!r}", endpoint_url=account.endpoint_url):
            try:
                stack = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
            except ClientError as error:
                if (
                    error_code(error) != "ValidationError"
                ):  # CloudFormation's code for a stack that is not there
                    raise
                raise RemoteError(
                    f"Stack {name} is not deployed in {account.region}.",
                    remedy=f"Deploy it: make deploy ENV={environment}",
                ) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        if _OUTPUT not in outputs:
            raise RemoteError(
                f"Stack {name} has no output {_OUTPUT}: it is of an older release.",
                remedy=f"Deploy it: make deploy ENV={environment}",
            )
        return cls(account, outputs[_OUTPUT])

    def read(self) -> StoredTable:
        """What the router finds there."""
        with aws_errors(f"read {self.url}", endpoint_url=self.account.endpoint_url):
            try:
                answer = self._s3.get_object(**self._place)
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise
                return StoredTable(None, None)
            body = answer["Body"].read()
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        return StoredTable(document, str(answer["ETag"]))

    def replace(self, stored: StoredTable, document: object) -> None:
        """Put `document` in the place of `stored`, unless somebody else has replaced that meanwhile."""
        body = json.dumps(document, indent=1, sort_keys=True).encode()
        unchanged = {"IfMatch": stored.etag} if stored.etag else {"IfNoneMatch": "*"}
        with aws_errors(f"write {self.url}", endpoint_url=self.account.endpoint_url):
            try:
                self._s3.put_object(**self._place, **unchanged, Body=body, ContentType="application/json")
            except ClientError as error:
                if error_code(error) not in _CHANGED_MEANWHILE:
                    raise
                raise RemoteError(
                    f"{self.url} was changed by somebody else meanwhile.",
                    remedy="Nothing was written. Look at what is there now, and run this again.",
                ) from error

    @property
    def _s3(self) -> Any:
        return self.account.client("s3")

    @property
    def _place(self) -> dict[str, str]:
        bucket, _, key = self.url.removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": key}
