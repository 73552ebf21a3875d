"""Clients of one account and region, with patience that suits a person who waits for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

_CONFIG: Final = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
)


@dataclass(frozen=True)
class Account:
    """`endpoint_url` is the embedded AWS; None takes AWS_ENDPOINT_URL, as boto3 does, or AWS itself."""

    session: boto3.Session
    region: str
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """A client of `service`; boto3's stubs know services by literal names only."""
        make: Any = self.session.client
        return make(service, region_name=self.region, endpoint_url=self.endpoint_url, config=_CONFIG)
