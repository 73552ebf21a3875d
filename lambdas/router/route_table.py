"""The route table: which candidates serve a use case, and how requests to it are treated. Values only.

The product renders it from the catalogue, where every field is described (`endpoints/catalogue/schema/routing.py`);
`route_table_reader` parses it. There are no defaults here: the catalogue has them.

Named tuples, here and on every request's path: to define a frozen dataclass takes seven times as long (0.4 ms), and a
cold start waits for it; to make one takes twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

MULTILINGUAL = "multilingual"
"""Stands among languages for "more than one, whichever"."""


class Engine(StrEnum):
    """The server inside the container; it decides which schemas and parameters work."""

    TGI = "tgi"
    VLLM = "vllm"


class LicenceClass(StrEnum):
    """What a model's licence asks of somebody who serves it commercially."""

    PERMISSIVE = "permissive"
    CUSTOM = "custom"
    UNKNOWN = "unknown"


class HedgeTo(StrEnum):
    """Whom a hedged request asks besides."""

    NEXT = "next"
    SAME = "same"


class Limits(NamedTuple):
    """What one request to a use case may ask for. `timeout_ms` is for whole answers; streams have their own."""

    max_body_bytes: int
    max_messages: int
    max_output_tokens: int
    timeout_ms: int


class StreamLimits(NamedTuple):
    """How long a streamed answer may take: all of it, to its first token, between events."""

    timeout_ms: int
    first_token_ms: int
    idle_ms: int


class Retries(NamedTuple):
    """How often a candidate is asked again after a fault that passes, and how long the router waits before."""

    per_candidate: int
    base_ms: int
    cap_ms: int


class BreakerSettings(NamedTuple):
    """When a candidate is left alone, and for how long."""

    window_s: int
    min_requests: int
    failure_percent: float
    open_s: int
    max_open_s: int


class Hedging(NamedTuple):
    """When a whole answer is asked for a second time."""

    after_ms: int
    to: HedgeTo
    max_prompt_chars: int
    budget_percent: float


class Experiment(NamedTuple):
    """How units are dealt to candidates. `weights` are by role, in the order of their sum."""

    id: str
    salt: str
    weights: Mapping[str, int]
    sticky_by: tuple[str, ...]


class Shadow(NamedTuple):
    """Whom a part of the requests is put to besides, for comparison."""

    candidate: str
    percent: float
    max_in_flight: int
    timeout_ms: int


class Requirements(NamedTuple):
    """What a candidate must be. Empty: anything will do."""

    licence: LicenceClass | None = None
    languages: tuple[str, ...] = ()
    context_tokens: int | None = None
    structured_output: bool = False


class Candidate(NamedTuple):
    """One model that can answer for a use case: a production variant of its endpoint."""

    role: str  # "primary", "alternative": what callers name
    variant: str  # the production variant that TargetVariant takes
    endpoint_name: str  # its use case's own, or the one it is borrowed from
    model_id: str
    engine: Engine
    max_input_tokens: int
    max_total_tokens: int
    tool_calls: bool  # the model may call a tool at its own choice
    licence: LicenceClass
    languages: frozenset[str]  # ISO 639 codes, and MULTILINGUAL
    structured_output: bool
    usd_per_hour: float | None  # one instance; None where the catalogue has no price

    @property
    def key(self) -> tuple[str, str]:
        """What of it can fail: use cases that borrow it share it."""
        return self.endpoint_name, self.variant


class Route(NamedTuple):
    """A use case, how it is treated, and its candidates, first choice first (never empty)."""

    use_case: str
    limits: Limits
    requests_in_flight: int  # of one instance, as it was sized; shares its price among requests
    streams: StreamLimits
    retries: Retries
    breaker: BreakerSettings
    hedging: Hedging | None
    experiment: Experiment | None
    shadow: Shadow | None
    require: Requirements
    log_text: bool
    candidates: tuple[Candidate, ...]


class RouteTable(NamedTuple):
    """Every use case of one environment. `max_body_bytes` is the most that any takes; nothing larger is parsed."""

    environment: str
    routes: Mapping[str, Route]
    max_body_bytes: int

    def current(self) -> RouteTable:
        """A table is its own source, one that never changes."""
        return self

    def known(self) -> RouteTable:
        """The same."""
        return self


class RouteTableSource(Protocol):
    """Where the router finds its table."""

    def current(self) -> RouteTable:
        """The table of this moment. Asked once per request, so it waits for nothing. Raises `RouteTableError`."""

    def known(self) -> RouteTable:
        """The same, and nobody is sent to look for a newer one.

        For what comes before there are requests: a call then delays a cold start, and its connection and keys would be
        in a snapshot of the process.
        """


class RouteTableError(Exception):
    """The table is invalid; `faults` are all of them, each with its place."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("the route table is invalid: " + "; ".join(faults))
        self.faults = faults
