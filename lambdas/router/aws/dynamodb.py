"""DynamoDB's operations over the router's own client. Its protocol is AWS's JSON 1.0."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from lambdas.router.aws import endpoints
from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.service import AwsService

_MAX_ANSWER_BYTES = 64 * 1024


class Reply(NamedTuple):
    """What DynamoDB answered. `error`: the exception's name; empty where the operation was done."""

    error: str
    document: dict[str, Any]


class DynamoDb:
    """Opens nothing before the first call."""

    def __init__(self, credentials: Credentials) -> None:
        self._service = AwsService(
            "dynamodb", lambda region: endpoints.dynamodb(region, os.environ), credentials
        )

    async def call(self, operation: str, request: dict[str, Any], timeout_s: float) -> Reply:
        """One round trip. Raises ServiceError where no answer came."""
        body = json.dumps(request).encode()
        answer = await self._service.fetch(
            "POST", "/", headers(operation), body, timeout_s=timeout_s, limit_bytes=_MAX_ANSWER_BYTES
        )
        document = _document(answer.body)
        if answer.status == 200:
            return Reply("", document)
        return Reply(_error_code(document) or f"Http{answer.status}", document)

    def close(self) -> None:
        """Close the kept connections."""
        self._service.close()


def headers(operation: str) -> tuple[tuple[str, str], ...]:
    """What names an operation."""
    return (
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", f"DynamoDB_20120810.{operation}"),
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _error_code(document: dict[str, Any]) -> str:
    """`com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException` -> its last part."""
    return str(document.get("__type") or "").rpartition("#")[2][:100]
