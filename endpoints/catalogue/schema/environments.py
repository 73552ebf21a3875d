"""Where the system is deployed, and how large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from endpoints.catalogue.schema.base import Positive, Record, Region
from endpoints.catalogue.schema.choices import CandidateRole

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$", max_length=16)]
HOST = "host"
"""Stands for the interpreter and the processor of the machine that deploys: local Lambdas run in it."""

LogRetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]
"""The retention periods that CloudWatch Logs offers, up to two years."""


class FleetBounds(Record):
    """How many instances a variant may have."""

    min: Positive
    max: Positive

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min not above max, got {self.min}..{self.max}")
        return self


class RouterSettings(Record):
    """The router's Lambda function."""

    python: Literal["3.11", "3.12", "3.13", "3.14", "host"]
    architecture: Literal["arm64", "x86_64", "host"]
    memory_mib: Annotated[int, Field(ge=128, le=10_240)]
    timeout_s: Annotated[int, Field(ge=1, le=900)]
    log_retention_days: LogRetentionDays


class ApiLimits(Record):
    """The usage plan of the API key."""

    rate_per_s: Annotated[float, Field(gt=0)]
    burst: Positive
    daily_quota: Positive


class Environment(Record):
    """One deployment of everything."""

    name: EnvironmentName
    region: Region
    roles: Annotated[tuple[CandidateRole, ...], Field(min_length=1)]
    instances: Mapping[CandidateRole, FleetBounds]
    retain_data: bool
    monthly_budget_usd: Annotated[float, Field(gt=0)]
    router: RouterSettings
    api: ApiLimits

    @model_validator(mode="after")
    def _fleets_match_roles(self) -> Self:
        if CandidateRole.PRIMARY not in self.roles or len(set(self.roles)) != len(self.roles):
            raise ValueError("roles: primary, and each role once")
        if set(self.instances) != set(self.roles):
            raise ValueError(f"instances: exactly one entry for each of {', '.join(self.roles)}")
        return self
