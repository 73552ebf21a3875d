"""Names that people and alarms rely on. Model and EndpointConfig names are left to CloudFormation."""

from __future__ import annotations

PREFIX = "adept"


def endpoint_name(environment: str, use_case: str) -> str:
    """`adept-<environment>-<use-case>`: fixed over every update, at most 63 characters."""
    return f"{PREFIX}-{environment}-{use_case}"


def stack_name(environment: str, part: str) -> str:
    """`adept-<environment>-<part>`; the part is `foundation`, `router`, `operations` or a use case id."""
    return f"{PREFIX}-{environment}-{part}"


def environment_name(environment: str) -> str:
    """`adept-<environment>`: the API, the dashboard and the budget."""
    return f"{PREFIX}-{environment}"
