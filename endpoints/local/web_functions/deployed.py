"""A function as it is deployed, and one call of it through API Gateway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

WRAPPER: Final = "/opt/bootstrap"
"""What AWS_LAMBDA_EXEC_WRAPPER names where the Lambda Web Adapter starts a function."""

DEFAULT_HEALTHY: Final = "100-499"
"""The adapter's own default."""


@dataclass(frozen=True, kw_only=True)
class DeployedFunction:
    """What Lambda knows. `environment` is complete: the function's own variables and what Lambda adds."""

    arn: str
    name: str
    handler: str
    variables: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)
    code: bytes = field(repr=False)
    code_sha256: str
    timeout_s: int
    memory_mib: int
    log: Callable[[Sequence[str]], None] = field(repr=False)

    @property
    def is_web_server(self) -> bool:
        """Whether the Lambda Web Adapter runs it."""
        return self.variables.get("AWS_LAMBDA_EXEC_WRAPPER") == WRAPPER

    @cached_property
    def release(self) -> str:
        """Another one for other code or another configuration."""
        parts = [self.code_sha256, self.handler, sorted(self.environment.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def readiness_path(self) -> str:
        return self.variables.get("AWS_LWA_READINESS_CHECK_PATH", "/")

    @property
    def restored_path(self) -> str | None:
        """The path of the adapter's SnapStart hook, which callers must not reach."""
        return self.variables.get("AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH")

    def is_healthy(self, status: int) -> bool:
        """Whether an answer with this status means that the program is ready."""
        ranges = self.variables.get("AWS_LWA_READINESS_CHECK_HEALTHY_STATUS", DEFAULT_HEALTHY)
        return any(_holds(part, status) for part in ranges.split(","))


def _holds(span: str, status: int) -> bool:
    """Whether "200" or "200-299" holds `status`; the adapter ignores what is neither, and so does this."""
    first, _, last = span.strip().partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        return False
    return int(first) <= status <= int(last or first)


@dataclass(frozen=True, kw_only=True)
class ProxyCall:
    """A request as API Gateway hands it on. `context` is the `requestContext` of its proxy event."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    context: Mapping[str, Any]
    timeout_s: float
