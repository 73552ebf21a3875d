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


class UpdateSettings(Record):
    """How patiently an update moves over: between shifts of traffic, and with the old fleet kept at the end."""

    shift_wait_s: Annotated[int, Field(ge=0, le=3600)]
    bake_s: Annotated[int, Field(ge=0, le=3600)]


class BusinessHours(Record):
    """Outside of these hours fleets are as small as `quiet` says. Days as cron names them: `MON-FRI`."""

    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(/[A-Za-z_+-]+)*$")]
    days: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}(-[A-Z]{3})?$")]
    from_hour: Annotated[int, Field(ge=0, le=23)]
    to_hour: Annotated[int, Field(ge=0, le=23)]
    quiet: Mapping[CandidateRole, FleetBounds]


class Network(Record):
    """Subnets and security groups of an existing VPC that containers are attached to."""

    subnet_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    security_group_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=5)]


class RouterSettings(Record):
    """The router's Lambda function."""

    python: Literal["3.11", "3.12", "3.13", "3.14", "host"]
    architecture: Literal["arm64", "x86_64", "host"]
    memory_mib: Annotated[int, Field(ge=128, le=10_240)]
    timeout_s: Annotated[int, Field(ge=1, le=900)]
    log_retention_days: LogRetentionDays

    @model_validator(mode="after")
    def _host_means_both(self) -> Self:
        if (self.python == HOST) != (self.architecture == HOST):
            raise ValueError(
                f"{HOST} for both python and architecture, or for neither: wheels fit one machine"
            )
        return self


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
    instance_fallback: bool
    updates: UpdateSettings
    business_hours: BusinessHours | None = None
    network: Network | None = None
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

    @property
    def embedded(self) -> bool:
        """True for the embedded AWS of a laptop, whose Lambdas run on the host."""
        return self.router.python == HOST
