"""Waiting for an endpoint, as CloudFormation does: until it serves the configuration that was asked for."""

from __future__ import annotations

import time
from typing import Any

from endpoints.errors import LocalError
from endpoints.local.cloudformation import Service, is_absent
from endpoints.local.protocol import ServiceError

POLL_INTERVAL_S = 0.2
# Above the longest health check that a variant may ask for (3,600 s), for two variants one after the other.
TIMEOUT_S = 7500.0
SETTLED = {"InService", "Failed", "OutOfService", "UpdateRollbackFailed"}


class EndpointWaiter:
    """Polls DescribeEndpoint. Every method blocks."""

    def __init__(self, sagemaker: Service, *, timeout_s: float = TIMEOUT_S) -> None:
        self._sagemaker = sagemaker
        self._timeout_s = timeout_s

    def until_in_service(self, endpoint_name: str, *, config_name: str) -> None:
        """Wait until the endpoint serves `config_name`.

        Raises `LocalError` with SageMaker's FailureReason when it failed, or went back to its old
        configuration: after a failed update SageMaker reports `InService` again.
        """
        endpoint = self._settled(endpoint_name)
        if endpoint is None:
            raise LocalError(f"endpoint {endpoint_name} was deleted while it was changing")
        status, serving = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
        if status != "InService" or serving != config_name:
            reason = endpoint.get("FailureReason", f"it serves {serving} instead of {config_name}")
            raise LocalError(f"endpoint {endpoint_name} is {status}: {reason}")

    def until_settled(self, endpoint_name: str) -> None:
        """Wait until the endpoint is not changing; one that does not exist is settled."""
        self._settled(endpoint_name)

    def until_gone(self, endpoint_name: str) -> None:
        """Wait until the endpoint does not exist."""
        deadline = time.monotonic() + self._timeout_s
        while self._describe(endpoint_name) is not None:
            self._pause(endpoint_name, deadline)

    def _settled(self, endpoint_name: str) -> dict[str, Any] | None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            endpoint = self._describe(endpoint_name)
            if endpoint is None or endpoint["EndpointStatus"] in SETTLED:
                return endpoint
            self._pause(endpoint_name, deadline)

    def _describe(self, endpoint_name: str) -> dict[str, Any] | None:
        try:
            return self._sagemaker.call("DescribeEndpoint", {"EndpointName": endpoint_name})
        except ServiceError as error:
            if is_absent(error):
                return None
            raise

    def _pause(self, endpoint_name: str, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise LocalError(f"endpoint {endpoint_name} did not settle in {self._timeout_s:.0f} s")
        time.sleep(POLL_INTERVAL_S)
