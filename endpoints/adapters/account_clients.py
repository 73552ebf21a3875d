"""Clients of one account and region, with patience that suits a person who waits for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

_CONFIG: Final = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
)
# Copying weights waits for large bodies, and goes on for hours: it may try more often.
_TRANSFER: Final = Config(
    connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 8}
)


@dataclass(frozen=True)
class Account:
    """`endpoint_url` is the embedded AWS; None takes AWS_ENDPOINT_URL, as boto3 does, or AWS itself."""

    session: boto3.Session
    region: str
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """A client of `service`; boto3's stubs know services by literal names only."""
        return self._client(service, _CONFIG)

    def transfer_client(self, *, threads: int) -> Any:
        """An S3 client that so many threads use at once."""
        return self._client("s3", _TRANSFER.merge(Config(max_pool_connections=threads)))

    def _client(self, service: str, config: Config) -> Any:
        make: Any = self.session.client
        return make(service, region_name=self.region, endpoint_url=self.endpoint_url, config=config)
