"""The filters, orders and pages that SageMaker's List operations share."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from endpoints.local.protocol import validation_error
from endpoints.local.sagemaker.records import Endpoint, Resource

_T = TypeVar("_T", Resource, Endpoint)
_DEFAULT_PAGE = 10


def page(records: Iterable[_T], params: dict[str, Any]) -> tuple[list[_T], str | None]:
    """The records of one page in the order asked for, and the token of the next page."""
    chosen = sorted((r for r in records if _matches(r, params)), key=_sort_key(params.get("SortBy")))
    if params.get("SortOrder", "Descending") == "Descending":
        chosen.reverse()
    start = _offset(params.get("NextToken"))
    end = start + int(params.get("MaxResults", _DEFAULT_PAGE))
    return chosen[start:end], (_token(end) if end < len(chosen) else None)


def _matches(record: Resource | Endpoint, params: dict[str, Any]) -> bool:
    modified_at_s = record.modified_at_s if isinstance(record, Endpoint) else record.created_at_s
    checks = (
        _within(record.created_at_s, params, "CreationTime"),
        _within(modified_at_s, params, "LastModifiedTime"),
        params.get("NameContains", "").lower() in record.name.lower(),
        params.get("StatusEquals") in (None, getattr(record, "status", None)),
    )
    return all(checks)


def _within(seconds: float, params: dict[str, Any], name: str) -> bool:
    after, before = params.get(f"{name}After"), params.get(f"{name}Before")
    return (after is None or seconds >= after.timestamp()) and (
        before is None or seconds <= before.timestamp()
    )


def _sort_key(sort_by: str | None) -> Callable[[Resource | Endpoint], tuple[str | float, str]]:
    if sort_by == "Name":
        return lambda record: (record.name.lower(), "")
    if sort_by == "Status":
        return lambda record: (getattr(record, "status", ""), record.name)
    return lambda record: (record.created_at_s, record.name)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"from:{offset}".encode()).decode("ascii")


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode("ascii").removeprefix("from:"))
    except (binascii.Error, ValueError):
        raise validation_error("Invalid pagination token.") from None
