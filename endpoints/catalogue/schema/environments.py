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
    str,
    StringConstraints(
        pattern=r"^(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:\d{1,5})?(/[\w./-]*[\w-])?$",
        max_length=200,
    ),
]
"""A Hub, without credentials, query or a slash at its end. A token is sent there: http is for this machine only."""

BUFFERED_LIMIT_S = 29
"""Seconds that API Gateway waits for an answer that it hands over whole."""

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
    """The router's Lambda function.

    `streaming`: an HTTP server behind the Lambda Web Adapter whose answers pass API Gateway as they come (up to 15
    minutes); else a proxy handler whose answers API Gateway hands over whole, within 29 s. `snap_start`: new
    execution environments start from a snapshot of a published version instead of from nothing. `share_breakers`:
    processes tell each other of candidates that fail, through the environment's table of counters.
    """

    python: Literal["3.11", "3.12", "3.13", "3.14", "host"]
    architecture: Literal["arm64", "x86_64", "host"]
    memory_mib: Annotated[int, Field(ge=128, le=10_240)]
    timeout_s: Annotated[int, Field(ge=1, le=900)]
    streaming: bool
    snap_start: bool = False
    share_breakers: bool = False
    log_retention_days: LogRetentionDays

    @model_validator(mode="after")
    def _host_means_both(self) -> Self:
        if (self.python == HOST) != (self.architecture == HOST):
            raise ValueError(
                f"{HOST} for both python and architecture, or for neither: wheels fit one machine"
            )
        return self

    @model_validator(mode="after")
    def _a_buffered_answer_comes_within_29_seconds(self) -> Self:
        if not self.streaming and self.timeout_s > BUFFERED_LIMIT_S:
            raise ValueError(
                f"timeout_s up to {BUFFERED_LIMIT_S} without streaming: API Gateway waits no longer, "
                f"got {self.timeout_s}"
            )
        return self

    @model_validator(mode="after")
    def _lambda_can_take_a_snapshot(self) -> Self:
        if self.snap_start and self.python in ("3.11", HOST):
            raise ValueError(f"snap_start with python 3.12 or later on AWS, got {self.python}")
        return self


class StagingSettings(Record):
    """How the stager copies a snapshot: in parts of `part_mib` MiB, `concurrency` of them at once.

    S3 takes parts of 5 MiB and more, 10,000 of them a file; a part passes through a Lambda worker's memory.
    """

    part_mib: Annotated[int, Field(ge=5, le=512)] = 64
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 32


class KeyLimits(Record):
    """What each caller may use, counted by the router in the environment's table.

    `when_unavailable` says whether requests pass while the table cannot be reached.
    """

    requests_per_minute: Positive | None = None
    tokens_per_day: Positive | None = None
    when_unavailable: Literal["allow", "refuse"] = "allow"

    @model_validator(mode="after")
    def _something_is_limited(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_day is None:
            raise ValueError("requests_per_minute, tokens_per_day or both")
        return self


class ApiSettings(Record):
    """Who may call the API, and how much: throttles and quota of the usage plan, limits per key.

    `auth`: `key` takes an API key as `Authorization: Bearer` or in `x-api-key`; `iam` takes requests signed by
    principals of the account that may invoke the API (then there is no key, and no usage plan). With a cached
    authorizer (`authorizer_cache_s` above 0) a key is taken from `Authorization` alone.
    """

    rate_per_s: Annotated[float, Field(gt=0)]
    burst: Positive
    daily_quota: Positive
    auth: Literal["key", "iam"] = "key"
    authorizer_cache_s: Annotated[int, Field(ge=0, le=3600)] = 0
    key_limits: KeyLimits | None = None

    @model_validator(mode="after")
    def _an_authorizer_is_there_to_be_cached(self) -> Self:
        if self.auth == "iam" and self.authorizer_cache_s:
            raise ValueError("authorizer_cache_s with auth: key only, for with iam there is no authorizer")
        return self


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
    api: ApiSettings

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

    @property
    def hub_knows_tokens(self) -> bool:
        """False for the Hub of the embedded AWS: it gates nothing, and lets nobody in who shows a token."""
        return not self.embedded
