"""How the router treats a use case: whom it asks, for how long, how often, and what it keeps of it.

Everything has a default that suits a use case with one primary and one alternative. Shares are percentages. What a
model can be asked to be (`Requirements`) is decided by the catalogue's own facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from endpoints.catalogue.schema.base import Positive, Record
from endpoints.catalogue.schema.choices import CandidateRole
from endpoints.catalogue.schema.models import LanguageCode

Percent = Annotated[float, Field(gt=0, le=100)]
ExperimentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
StickySource = Annotated[str, StringConstraints(pattern=r"^(user|session|header:[a-z0-9][a-z0-9-]{0,63})$")]
"""What stays with its arm of an experiment: the body's `user`, the header x-adept-session, or another header."""


class StreamLimits(Record):
    """How long a streamed answer may take: all of it, to its first token, and from one event to the next.

    API Gateway ends a stream after 15 minutes, and after 5 without a byte.
    """

    timeout_ms: Annotated[int, Field(gt=0, le=870_000)] = 300_000
    first_token_ms: Annotated[int, Field(gt=0, le=290_000)] = 10_000
    idle_ms: Annotated[int, Field(gt=0, le=290_000)] = 15_000


class Retries(Record):
    """How often a candidate is asked again within one request, after a fault that passes (throttled, not ready, reset).

    Before a repetition the router waits at random up to `base_ms`, doubled each time, at most `cap_ms`; longer where
    the answer said so (Retry-After). 0 repetitions: the candidates are asked once each.
    """

    per_candidate: Annotated[int, Field(ge=0, le=5)] = 2
    base_ms: Annotated[int, Field(gt=0, le=10_000)] = 100
    cap_ms: Annotated[int, Field(gt=0, le=30_000)] = 2_000


class BreakerSettings(Record):
    """When a candidate is left alone: of at least `min_requests` in the last `window_s`, `failure_percent` failed; or
    `min_requests` in a row, however long they took. Counted in each process by itself.

    After `open_s` one request probes it; each probe that fails doubles the wait, at most to `max_open_s`. Never above a
    minute: an update's rollback alarms look at minutes, and a bad fleet that nobody asks looks like a good one.
    """

    window_s: Annotated[int, Field(ge=1, le=600)] = 30
    min_requests: Annotated[int, Field(ge=1, le=1000)] = 4
    failure_percent: Percent = 50.0
    open_s: Annotated[int, Field(ge=1, le=60)] = 5
    max_open_s: Annotated[int, Field(ge=1, le=60)] = 60

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.open_s > self.max_open_s:
            raise ValueError(f"open_s not above max_open_s, got {self.open_s} and {self.max_open_s}")
        return self


class Hedging(Record):
    """A second attempt at an answer that takes longer than most, whole answers to short prompts only.

    `after_ms` is about the 95th percentile of the answer time. `to`: the next candidate, or the same one once more
    (another instance may answer). At most `budget_percent` of the requests are hedged: it costs GPU time.
    """

    after_ms: Annotated[int, Field(gt=0, le=28_000)]
    to: Literal["next", "same"] = "next"
    max_prompt_chars: Positive = 4_000
    budget_percent: Percent = 5.0


class Experiment(Record):
    """Who gets which candidate: each unit (user, session, ...) always the same one, by hash, without any state.

    `weights` are relative. A new `salt` deals all units anew; `sticky_by` names sources of the unit, the first that a
    request has counts. A request with none of them is dealt by itself.
    """

    id: ExperimentId
    salt: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    weights: Mapping[CandidateRole, Annotated[int, Field(ge=0, le=1_000_000)]]
    sticky_by: Annotated[tuple[StickySource, ...], Field(min_length=1, max_length=4)] = ("user", "session")

    @model_validator(mode="after")
    def _somebody_gets_something(self) -> Self:
        if sum(self.weights.values()) == 0:
            raise ValueError("weights: at least one above 0")
        return self


class Shadow(Record):
    """Requests that a candidate answers besides, for comparison: never returned, and after the caller's own.

    It costs what other requests cost. What is above `max_in_flight` (of this process) or `timeout_ms` is given up.
    """

    candidate: CandidateRole
    percent: Percent
    max_in_flight: Annotated[int, Field(ge=1, le=100)] = 2
    timeout_ms: Annotated[int, Field(gt=0, le=300_000)] = 30_000


class Requirements(Record):
    """What a candidate must be. A caller can ask for more (x-adept-require), never for less.

    `languages`: all of them named by its maker, or `multilingual` for more than one. `context_tokens`: prompt and
    answer together.
    """

    licence: Literal["permissive"] | None = None
    languages: tuple[LanguageCode | Literal["multilingual"], ...] = ()
    context_tokens: Positive | None = None
    structured_output: bool = False


class Routing(Record):
    """The section `routing` of a use case.

    `log_text`: keep prompts and answers in the log, redacted. Whoever sets it has asked those whose text it is.
    """

    streams: StreamLimits = StreamLimits()
    retries: Retries = Retries()
    breaker: BreakerSettings = BreakerSettings()
    hedging: Hedging | None = None
    experiment: Experiment | None = None
    shadow: Shadow | None = None
    require: Requirements = Requirements()
    log_text: bool = False

    @property
    def roles(self) -> frozenset[CandidateRole]:
        """The candidates that it names."""
        shadowed = {self.shadow.candidate} if self.shadow else set()
        return frozenset(shadowed | set(self.experiment.weights if self.experiment else ()))
