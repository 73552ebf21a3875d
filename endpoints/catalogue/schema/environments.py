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

DEFAULT_HUB_URL = "https://huggingface.co"
HubUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[\w./-]*[\w-])?$", max_length=200)
]
"""Scheme and host of a Hub, without credentials, query or a slash at its end: a token is sent there."""

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
    """How patiently an update moves over: between shifts of traffic, and with the old fleet kept at the end.

    `auto_rollback`: whether alarms may end an update. Off for the one update that mends what an alarm rings about.
    """

    shift_wait_s: Annotated[int, Field(ge=0, le=3600)]
    bake_s: Annotated[int, Field(ge=0, le=3600)]
    auto_rollback: bool = True


_DAY = "(MON|TUE|WED|THU|FRI|SAT|SUN)"


class BusinessHours(Record):
    """Outside of these hours fleets are as small as `quiet` says. Days as cron names them: `MON-FRI`."""

    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(/[A-Za-z_+-]+)*$")]
    days: Annotated[str, StringConstraints(pattern=rf"^{_DAY}(-{_DAY})?$")]
    from_hour: Annotated[int, Field(ge=0, le=23)]
    to_hour: Annotated[int, Field(ge=0, le=23)]
    quiet: Mapping[CandidateRole, FleetBounds]

    @model_validator(mode="after")
    def _work_ends_on_the_day_it_begins(self) -> Self:
        if self.from_hour >= self.to_hour:
            # Past midnight the last day's end would fall on a day that `days` leaves out, and never come.
            raise ValueError(f"from_hour before to_hour, got {self.from_hour} and {self.to_hour}")
        return self


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


class StagingSettings(Record):
    """How the stager copies a snapshot: in parts of `part_mib` MiB, `concurrency` of them at once.

    S3 takes parts of 5 MiB and more, 10,000 of them a file; a part passes through a Lambda worker's memory.
    """

    part_mib: Annotated[int, Field(ge=5, le=512)] = 64
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 32


class ApiLimits(Record):
    """The usage plan of the API key."""

    rate_per_s: Annotated[float, Field(gt=0)]
    burst: Positive
    daily_quota: Positive


class Environment(Record):
    """One deployment of everything.

    `sandbox`: may be thrown away, and may do without a commit. `load_from_hub`: in a sandbox, containers load open
    models from `hub_url` when they start, instead of staged snapshots from S3. `hub_url` is where snapshots come from.
    """

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
    sandbox: bool = False
    load_from_hub: bool = False
    hub_url: HubUrl = DEFAULT_HUB_URL
    staging: StagingSettings = StagingSettings()
    router: RouterSettings
    api: ApiLimits

    @model_validator(mode="after")
    def _only_a_sandbox_depends_on_the_hub(self) -> Self:
        if self.load_from_hub and not self.sandbox:
            raise ValueError("load_from_hub: only where sandbox is true; elsewhere weights come from S3")
        if self.sandbox and self.embedded:
            raise ValueError("sandbox: false on the embedded AWS, whose models are always staged")
        return self

    @model_validator(mode="after")
    def _fleets_match_roles(self) -> Self:
        if CandidateRole.PRIMARY not in self.roles or len(set(self.roles)) != len(self.roles):
            raise ValueError("roles: primary, and each role once")
        if set(self.instances) != set(self.roles):
            raise ValueError(f"instances: exactly one entry for each of {', '.join(self.roles)}")
        return self

    @model_validator(mode="after")
    def _quiet_fleets_are_smaller(self) -> Self:
        quiet = self.business_hours.quiet if self.business_hours else {}
        for role, bounds in quiet.items():
            busy = self.instances.get(role)
            if busy is None:
                raise ValueError(f"business_hours.quiet: only roles of {', '.join(self.roles)}, got {role}")
            if busy.min == busy.max:
                raise ValueError(f"business_hours.quiet.{role}: only of a fleet that scales (min below max)")
            if bounds.min > busy.min or bounds.max > busy.max:
                raise ValueError(
                    f"business_hours.quiet.{role}: at most the {busy.min}..{busy.max} of instances.{role}, "
                    f"got {bounds.min}..{bounds.max}"
                )
        return self

    def smallest_fleet(self, role: CandidateRole) -> int:
        """Instances that a variant may be down to at any hour: an update can begin at night."""
        quiet = self.business_hours.quiet.get(role) if self.business_hours else None
        return min(self.instances[role].min, quiet.min if quiet else self.instances[role].min)

    @property
    def embedded(self) -> bool:
        """True for the embedded AWS of a laptop, whose Lambdas run on the host."""
        return self.router.python == HOST
