"""What a deployed CloudWatch dashboard shows, read back from CloudWatch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError


@dataclass(frozen=True)
class Widget:
    """One graph: its title, and the labels of its lines, axis by axis."""

    title: str
    shows: tuple[str, ...]


def dashboard_widgets(
    name: str, *, region: str, endpoint_url: str | None, session: boto3.Session
) -> tuple[Widget, ...]:
    """The graphs of dashboard `name`, top left first. Raises `RemoteError` when it is not deployed."""
    client = session.client("cloudwatch", region_name=region, endpoint_url=endpoint_url)
    with aws_errors(f"read the dashboard {name!r}", endpoint_url=endpoint_url):
        try:
            body = client.get_dashboard(DashboardName=name)["DashboardBody"]
        except ClientError as error:
            if error_code(error) in {"ResourceNotFound", "DashboardNotFoundError"}:
                raise RemoteError(
                    f"Dashboard {name} is not deployed in {region}.",
                    remedy="It comes with the operations stack: deploy the environment.",
                ) from error
            raise
    return tuple(graphs(json.loads(body)))


def graphs(body: Mapping[str, Any]) -> Iterator[Widget]:
    """The graphs in a dashboard's body; texts are left out."""
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            properties = widget["properties"]
            labels = (_label(metric) for metric in properties["metrics"])
            yield Widget(properties["title"], tuple(label for label in labels if label is not None))


def _label(metric: list[Any]) -> str | None:
    """A line's label; None for a metric that only feeds an expression."""
    options = metric[-1] if isinstance(metric[-1], dict) else {}
    return None if options.get("visible") is False else options.get("label")
