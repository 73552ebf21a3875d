"""Which route tables the router takes: the rules of its own reader, for those who look at a table from outside. Pure.

The router's program imports nothing of this package, and reads a table with its own code at every cold start. What is
written here a second time is held to that code by a contract test, over thousands of tables with one mistake each.
The catalogue's own bounds (`catalogue/schema/routing.py`) are narrower: a table by hand may go beyond them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from endpoints.catalogue.faults import fault_of
from endpoints.catalogue.schema import Engine, LicenceClass
from endpoints.route_table import VERSION

Text = Annotated[str, Field(min_length=1)]
SageMakerName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
StickySource = Annotated[str, StringConstraints(pattern=r"^(user|session|header:[^\p{Lu}\p{Lt}]*)$")]
UseCaseName = Annotated[str, StringConstraints(pattern=r"^[^:]*$")]
Whole = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=0, le=100)]


class _Rule(BaseModel):
    """Nothing unknown, and no value bent to fit a type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Limits(_Rule):
    max_body_bytes: Whole
    max_messages: Whole
    max_output_tokens: Whole
    timeout_ms: Whole


class _Streams(_Rule):
    timeout_ms: Whole
    first_token_ms: Whole
    idle_ms: Whole


class _Retries(_Rule):
    per_candidate: Count
    base_ms: Whole
    cap_ms: Whole


class _Breaker(_Rule):
    window_s: Whole
    min_requests: Whole
    failure_percent: Percent
    open_s: Whole
    max_open_s: Whole


class _Hedging(_Rule):
    after_ms: Whole
    to: Literal["next", "same"]
    max_prompt_chars: Whole
    budget_percent: Percent


class _Experiment(_Rule):
    id: Text
    salt: Text
    weights: dict[str, Count]
    sticky_by: list[StickySource]

    @model_validator(mode="after")
    def _somebody_gets_something(self) -> Self:
        if not any(self.weights.values()):
            raise ValueError("weights: at least one above 0")
        return self


class _Shadow(_Rule):
    candidate: Text
    percent: Percent
    max_in_flight: Whole
    timeout_ms: Whole


class _Require(_Rule):
    licence: Annotated[LicenceClass, Field(strict=False)] | None = None
    languages: list[Text]
    context_tokens: Whole | None = None
    structured_output: bool


class _Candidate(_Rule):
    role: Text
    variant: SageMakerName
    endpoint_name: SageMakerName | None = None
    model_id: Text
    engine: Annotated[Engine, Field(strict=False)]
    max_input_tokens: Whole
    max_total_tokens: Whole
    tool_calls: bool
    licence: Annotated[LicenceClass, Field(strict=False)]
    languages: list[Text]
    multilingual: bool
    structured_output: bool
    usd_per_hour: Number | None = None


class _Route(_Rule):
    endpoint_name: SageMakerName
    limits: _Limits
    requests_in_flight: Whole
    streams: _Streams
    retries: _Retries
    breaker: _Breaker
    hedging: _Hedging | None
    experiment: _Experiment | None
    shadow: _Shadow | None
    require: _Require
    log_text: bool
    candidates: Annotated[list[_Candidate], Field(min_length=1)]

    @model_validator(mode="after")
    def _roles_are_those_of_candidates(self) -> Self:
        roles = [candidate.role for candidate in self.candidates]
        if len(set(roles)) != len(roles):
            raise ValueError(f"each role once among the candidates, not {', '.join(roles)}")
        named = [*(self.experiment.weights if self.experiment else ())]
        named += [self.shadow.candidate] if self.shadow else []
        if unknown := sorted(set(named) - set(roles)):
            raise ValueError(
                f"an experiment and a shadow of its candidates ({', '.join(roles)}), not of {', '.join(unknown)}"
            )
        return self


class _Table(_Rule):
    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    environment: Text
    use_cases: Annotated[dict[UseCaseName, _Route], Field(min_length=1)]


def table_faults(document: Any, environment: str, where: str) -> tuple[str, ...]:
    """Why the router of `environment` would not take this decoded table, found at `where`; empty where it would."""
    try:
        table = _Table.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return tuple(str(fault_of(where, "$", each)) for each in found)
    if table.environment != environment:
        return (f"{where}: $.environment: got {table.environment!r}; allowed: {environment!r}",)
    return ()
