"""The custom resource behind the route table's object: `handler.handler`.

CloudFormation has no resource type for an S3 object, so this copies the table that a deploy brought along as an asset
to the one key that the router reads. Create and update copy; delete removes every version, so that the bucket can go.
An update comes only when the table of the code changed: what an operator put there stays until then.

Protocol: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config

_ANSWER_TIMEOUT_S = 10
_MAX_REASON_CHARS = 1000
_DELETED_AT_ONCE = 1000  # DeleteObjects takes no more


def handler(event: Mapping[str, Any], _context: object = None) -> None:
    """Do what CloudFormation asks and answer it. Every failure is answered too: silence would hang the stack."""
    respond(event, apply, send)


def respond(
    event: Mapping[str, Any],
    work: Callable[[str, Mapping[str, Any]], None],
    answer: Callable[[str, dict[str, Any]], None],
) -> None:
    """`handler` with its edges given."""
    properties = event.get("ResourceProperties") or {}
    result: dict[str, Any] = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId") or _url(properties),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    try:
        work(str(event["RequestType"]), properties)
    except Exception as error:  # noqa: BLE001 - whatever it was, CloudFormation waits for an answer
        result |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:_MAX_REASON_CHARS]}
    answer(str(event["ResponseURL"]), result)


def apply(request_type: str, properties: Mapping[str, Any]) -> None:
    """Copy the table into place, or remove it."""
    bucket, key = properties["Bucket"], properties["Key"]
    s3 = boto3.client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
    if request_type == "Delete":
        _remove(s3, bucket, key)
        return
    table = s3.get_object(Bucket=properties["SourceBucket"], Key=properties["SourceKey"])["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=table, ContentType="application/json")


def _remove(s3: Any, bucket: str, key: str) -> None:
    """Every version of the table and every delete marker; no other object is in the bucket."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        versions = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        for start in range(0, len(versions), _DELETED_AT_ONCE):
            batch = versions[start : start + _DELETED_AT_ONCE]
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True}).get("Errors")
            if failed:
                raise RuntimeError(f"{len(failed)} versions of {key} stay: {failed[0].get('Message')}")


def send(url: str, result: dict[str, Any]) -> None:
    """Put the answer where CloudFormation waits for it: a presigned URL that takes no content type."""
    request = urllib.request.Request(  # noqa: S310 - CloudFormation names the URL
        url, data=json.dumps(result).encode(), method="PUT", headers={"content-type": ""}
    )
    urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT_S).close()  # noqa: S310 - the same


def _url(properties: Mapping[str, Any]) -> str:
    return f"s3://{properties.get('Bucket')}/{properties.get('Key')}"
