"""`BreakerItems` in the environment's table of counters, beside the limits' counts (infra/router_limits.py).

A breaker's item is `breaker#<endpoint>#<variant>`: until when the candidate is left alone, in milliseconds since the
epoch. DynamoDB forgets it an hour later. A read is eventually consistent: half the price, and a second is soon enough.
"""

from __future__ import annotations

import math
from typing import Any

from lambdas.router.asking.breakers import Key
from lambdas.router.asking.shared_breakers import ItemsUnavailable
from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.dynamodb import DynamoDb, Reply
from lambdas.router.aws.service import ServiceError

KEY, OPEN_UNTIL, EXPIRES_AT = "id", "open_until_ms", "expires_at"
PREFIX = "breaker#"
_LATER_IS_THERE = "ConditionalCheckFailedException"
_KEPT_S = 3600


class DynamoBreakerItems:
    """The items in one table. Opens nothing before the first call."""

    def __init__(self, table: str, credentials: Credentials) -> None:
        self._table = table
        self._dynamodb = DynamoDb(credentials)

    async def read(self, key: Key, timeout_s: float) -> float:
        """One GetItem. Raises ItemsUnavailable."""
        reply = await self._call("GetItem", reading(self._table, key), timeout_s)
        if reply.error:
            raise ItemsUnavailable(reply.error)
        return _until_s(reply.document["Item"]) if "Item" in reply.document else 0.0

    async def write(self, key: Key, until_s: float, timeout_s: float) -> None:
        """One UpdateItem. Raises ItemsUnavailable."""
        reply = await self._call("UpdateItem", writing(self._table, key, until_s), timeout_s)
        if reply.error not in ("", _LATER_IS_THERE):
            raise ItemsUnavailable(reply.error)

    def close(self) -> None:
        """Close the kept connections."""
        self._dynamodb.close()

    async def _call(self, operation: str, request: dict[str, Any], timeout_s: float) -> Reply:
        try:
            return await self._dynamodb.call(operation, request, timeout_s)
        except ServiceError as error:
            raise ItemsUnavailable(error.code) from error


def reading(table: str, key: Key) -> dict[str, Any]:
    """GetItem's input."""
    return {"TableName": table, "Key": _id(key)}


def writing(table: str, key: Key, until_s: float) -> dict[str, Any]:
    """UpdateItem's input: until when, unless a later time is there."""
    return {
        "TableName": table,
        "Key": _id(key),
        "UpdateExpression": "SET #u = :u, #e = :e",
        "ConditionExpression": "attribute_not_exists(#u) OR #u < :u",
        "ExpressionAttributeNames": {"#u": OPEN_UNTIL, "#e": EXPIRES_AT},
        "ExpressionAttributeValues": {
            ":u": {"N": str(round(until_s * 1000))},
            ":e": {"N": str(math.ceil(until_s) + _KEPT_S)},
        },
    }


def _id(key: Key) -> dict[str, Any]:
    endpoint, variant = key
    return {KEY: {"S": f"{PREFIX}{endpoint}#{variant}"}}


def _until_s(item: object) -> float:
    """Raises ItemsUnavailable for what is no time."""
    value = item.get(OPEN_UNTIL) if isinstance(item, dict) else None
    text = value.get("N") if isinstance(value, dict) else None
    try:
        return int(str(text)) / 1000
    except (ValueError, OverflowError) as error:
        raise ItemsUnavailable("BadAnswer") from error
