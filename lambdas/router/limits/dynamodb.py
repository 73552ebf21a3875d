"""The counter: DynamoDB's UpdateItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html : an ADD is atomic, and with a
condition it is done whole or not at all.
"""

from __future__ import annotations

from typing import Any

from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.dynamodb import DynamoDb
from lambdas.router.aws.service import ServiceError
from lambdas.router.limits.key_limits import CounterUnavailable
from lambdas.router.limits.window import Bucket

KEY, COUNT, EXPIRES_AT = "id", "count", "expires_at"
_EXCEEDED = "ConditionalCheckFailedException"


class DynamoCounter:
    """A `Counter` in one table. Opens nothing before the first count."""

    def __init__(self, table: str, credentials: Credentials) -> None:
        self._table = table
        self._dynamodb = DynamoDb(credentials)

    async def add(self, bucket: Bucket, amount: int, most: int | None, timeout_s: float) -> tuple[bool, int]:
        """One round trip. Raises CounterUnavailable."""
        request = addition(self._table, bucket, amount, most)
        try:
            error, document = await self._dynamodb.call("UpdateItem", request, timeout_s)
        except ServiceError as fault:
            raise CounterUnavailable(fault.code) from fault
        if not error:
            return True, _count(document.get("Attributes"))
        if error == _EXCEEDED and most is not None:
            # Without the item nothing was counted yet, and this alone is too much.
            return False, _count(document["Item"]) if "Item" in document else 0
        raise CounterUnavailable(error)

    def close(self) -> None:
        """Close the kept connections."""
        self._dynamodb.close()


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


def _count(attributes: object) -> int:
    """Raises CounterUnavailable for what is no count: better uncounted than miscounted."""
    value = attributes.get(COUNT) if isinstance(attributes, dict) else None
    text = value.get("N") if isinstance(value, dict) else None
    try:
        return int(str(text))
    except ValueError as error:
        raise CounterUnavailable("BadAnswer") from error
