"""What the embedded Application Auto Scaling remembers: rows shaped as the Describe operations answer them.

Times are seconds since the epoch, so that a snapshot is plain JSON; `timed` turns them into timestamps.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from endpoints.local.cloudwatch import CloudWatch
from endpoints.local.protocol import ServiceError

Row = dict[str, Any]
Table = dict[str, Row]

_TIMES = ("CreationTime", "StartTime", "EndTime")
_TABLES = ("targets", "policies", "actions", "activities")
_DEFAULT_PAGE = 50


class State:
    """Tables by key: a target by its resource id, policies and actions by resource id and name."""

    def __init__(self, account: str, region: str, cloudwatch: CloudWatch) -> None:
        self.account = account
        self.region = region
        self.cloudwatch = cloudwatch
        self.lock = threading.RLock()
        self.targets: Table = {}
        self.policies: Table = {}
        self.actions: Table = {}
        self.activities: Table = {}
        self.tags: dict[str, dict[str, str]] = {}  # by the target's ARN
        self.on_change: Callable[[], None] = lambda: None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for a change, then tell `on_change` outside of it."""
        with self.lock:
            yield
        self.on_change()

    def snapshot(self) -> dict[str, Any]:
        with self.lock:
            return {"version": 1, "tags": deepcopy(self.tags)} | {
                table: deepcopy(getattr(self, table)) for table in _TABLES
            }

    def restore(self, state: dict[str, Any]) -> None:
        with self.lock:
            self.tags = deepcopy(state.get("tags", {}))
            for table in _TABLES:
                setattr(self, table, deepcopy(state.get(table, {})))

    def target(self, params: dict[str, Any]) -> Row:
        """The registered target that a request names. Raises ServiceError ObjectNotFoundException."""
        row = self.targets.get(params["ResourceId"])
        if row is None or row["ScalableDimension"] != params["ScalableDimension"]:
            raise not_found("scalable target", params)
        return row

    def drop_policy(self, key: str) -> Row | None:
        """Forget a policy with the alarms that were made for it; the lock is the caller's."""
        row = self.policies.pop(key, None)
        if row is not None:
            for alarm in row["Alarms"]:
                self.cloudwatch.delete_alarm(alarm["AlarmName"])
        return row

    def resource_arn(self, kind: str, params: dict[str, Any], name_kind: str, name: str) -> str:
        """The ARN of a policy or a scheduled action."""
        resource = f"resource/sagemaker/{params['ResourceId']}"
        prefix = f"arn:aws:autoscaling:{self.region}:{self.account}"
        return f"{prefix}:{kind}:{uuid.uuid4()}:{resource}:{name_kind}/{name}"


def now_s() -> float:
    """Seconds since the epoch."""
    return datetime.now(UTC).timestamp()


def timed(row: Row) -> Row:
    """A row with botocore's timestamps in place of seconds, and without members that are absent."""
    times = {name: datetime.fromtimestamp(row[name], UTC) for name in _TIMES if row.get(name) is not None}
    return {name: value for name, value in (row | times).items() if value is not None}


def seconds(time: datetime | None) -> float | None:
    """A botocore timestamp as it is stored."""
    return time.timestamp() if time else None


def not_found(noun: str, params: dict[str, Any]) -> ServiceError:
    """Worded as the service does."""
    return ServiceError(
        "ObjectNotFoundException",
        f"No {noun} registered for service namespace: {params['ServiceNamespace']}, "
        f"resource ID: {params['ResourceId']}, scalable dimension: {params['ScalableDimension']}",
    )


def page(rows: list[Row], params: dict[str, Any]) -> tuple[list[Row], str | None]:
    """One page of rows as the API shows them, and the token of the next page."""
    token = params.get("NextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token supplied is invalid.")
    start = int(token)
    end = start + int(params.get("MaxResults", _DEFAULT_PAGE))
    return [timed(row) for row in rows[start:end]], (str(end) if end < len(rows) else None)


def selected(table: Table, params: dict[str, Any], *, names: str, name: str) -> list[Row]:
    """The rows that a Describe request selects by names, resource id and dimension."""
    wanted = params.get(names)
    return [
        row
        for row in table.values()
        if (not wanted or row[name] in wanted)
        and params.get("ResourceId") in (None, row["ResourceId"])
        and params.get("ScalableDimension") in (None, row["ScalableDimension"])
    ]
