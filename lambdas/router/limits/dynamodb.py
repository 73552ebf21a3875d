"""The counter: DynamoDB's UpdateItem, over the router's own client. Its protocol is AWS's JSON 1.0.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html : an ADD is atomic, and with a
condition it is done whole or not at all.
"""

from __future__ import annotations

import json
import os
from typing import Any

from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.endpoints import dynamodb
from lambdas.router.aws.service import AwsService, ServiceError
from lambdas.router.limits.key_limits import CounterUnavailable
from lambdas.router.limits.window import Bucket

KEY, COUNT, EXPIRES_AT = "id", "count", "expires_at"
_HEADERS = (
    ("content-type", "application/x-amz-json-1.0"),
    ("x-amz-target", "DynamoDB_20120810.UpdateItem"),
)
_EXCEEDED = "ConditionalCheckFailedException"
_MAX_ANSWER_BYTES = 64 * 1024


class DynamoCounter:
    """A `Counter` in one table. Opens nothing before the first count."""

    def __init__(self, table: str, credentials: Credentials) -> None:
        self._table = table
        self._service = AwsService("dynamodb", lambda region: dynamodb(region, os.environ), credentials)

    async def add(self, bucket: Bucket, amount: int, most: int | None, timeout_s: float) -> tuple[bool, int]:
        """One round trip. Raises CounterUnavailable."""
        body = json.dumps(addition(self._table, bucket, amount, most)).encode()
        try:
            answer = await self._service.fetch(
                "POST", "/", _HEADERS, body, timeout_s=timeout_s, limit_bytes=_MAX_ANSWER_BYTES
            )
        except ServiceError as error:
            raise CounterUnavailable(error.code) from error
        document = _document(answer.body)
        if answer.status == 200:
            return True, _count(document.get("Attributes"))
        code = _error_code(document)
        if code == _EXCEEDED and most is not None:
            # Without the item nothing was counted yet, and this alone is too much.
            return False, _count(document["Item"]) if "Item" in document else 0
        raise CounterUnavailable(code or f"Http{answer.status}")

    def close(self) -> None:
        """Close the kept connections."""
        self._service.close()


def addition(table: str, bucket: Bucket, amount: int, most: int | None) -> dict[str, Any]:
    """UpdateItem's input: add `amount`, unless that would exceed `most`."""
    request: dict[str, Any] = {
        "TableName": table,
        "Key": {KEY: {"S": bucket.id}},
        "UpdateExpression": "SET #e = :e ADD #c :a",
        "ExpressionAttributeNames": {"#c": COUNT, "#e": EXPIRES_AT},
        "ExpressionAttributeValues": {":a": {"N": str(amount)}, ":e": {"N": str(bucket.expires_at)}},
        "ReturnValues": "UPDATED_NEW",
    }
    if most is not None:
        room = most - amount  # below zero: not even the first request has room
        request["ConditionExpression"] = "#c <= :r" + (" OR attribute_not_exists(#c)" if room >= 0 else "")
        request["ExpressionAttributeValues"][":r"] = {"N": str(room)}
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return request


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _count(attributes: object) -> int:
    """Raises CounterUnavailable for what is no count: better uncounted than miscounted."""
    value = attributes.get(COUNT) if isinstance(attributes, dict) else None
    text = value.get("N") if isinstance(value, dict) else None
    try:
        return int(str(text))
    except ValueError as error:
        raise CounterUnavailable("BadAnswer") from error


def _error_code(document: dict[str, Any]) -> str:
    """`com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException` -> its last part."""
    return str(document.get("__type") or "").rpartition("#")[2][:100]
