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
from endpoints.route_table_rules import table_faults
from endpoints.templates import Template

_OUTPUT: Final = "RouteTableUrl"
_DEPLOYED: Final = "DeployedRouteTableUrl"  # absent in a stack of an older release
_CHANGED_MEANWHILE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True)
class StoredTable:
    """A version of the object; `document` is whatever JSON it holds, None where it holds none.

    `etag` is None where there is no object; `damage` says why there is no document.
    """

    document: Any
    etag: str | None
    damage: str | None = None


@dataclass(frozen=True)
class RouteTableStore:
    """Every method raises `RemoteError`. `deployed_url` is the table that the last deploy brought along."""

    account: Account
    environment: str
    url: str
    deployed_url: str | None = None

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
        return cls(account, environment, outputs[_OUTPUT], outputs.get(_DEPLOYED))

    @staticmethod
    def has_table(template: Template) -> bool:
        """Whether the router's stack, deployed from `template`, says where its table lies."""
        return _OUTPUT in template.get("Outputs", {})

    def read(self) -> StoredTable:
        """What the router finds there."""
        return self._read(self.url)

    def deployed(self) -> StoredTable | None:
        """What the deploy brought along; None where that is not known: an older release, or the asset is gone."""
        stored = self._read(self.deployed_url) if self.deployed_url else None
        return stored if stored and stored.document is not None else None

    def faults(self, stored: StoredTable) -> tuple[str, ...]:
        """Why the environment's router does not take what is there; empty where it does."""
        if stored.damage is not None:
            return (f"{self.url}: {stored.damage}",)
        return table_faults(stored.document, self.environment, self.url)

    def _read(self, url: str) -> StoredTable:
        with aws_errors(f"read {url}", endpoint_url=self.account.endpoint_url):
            try:
                answer = self._s3.get_object(**_place(url))
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise
                return StoredTable(None, None, "there is no object")
            body, etag = answer["Body"].read(), str(answer["ETag"])
        try:
            return StoredTable(json.loads(body), etag)
        except (ValueError, RecursionError) as error:
            return StoredTable(None, etag, f"it is not JSON: {error}")

    def replace(self, stored: StoredTable, document: object) -> None:
        """Put `document` in the place of `stored`, unless somebody else has replaced that meanwhile."""
        body = json.dumps(document, indent=1, sort_keys=True).encode()
        unchanged = {"IfMatch": stored.etag} if stored.etag else {"IfNoneMatch": "*"}
        with aws_errors(f"write {self.url}", endpoint_url=self.account.endpoint_url):
            try:
                self._s3.put_object(
                    **_place(self.url), **unchanged, Body=body, ContentType="application/json"
                )
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


def _place(url: str) -> dict[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
