"""AWS clients. Making one is slow and not thread-safe; each process makes each once."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session


@cache
def client(service: str) -> Any:
    """A client with botocore's own retries: throttling and lost connections are not this program's business.

    Bodies carry a sha256 that S3 checks, so botocore need not compute another checksum.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=120,
        tcp_keepalive=True,
        max_pool_connections=8,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="adept-stager",
    )
    return Session().create_client(service, config=config)
