"""Questions to the catalogue: which models are permissive, speak a language, run on an engine, are small enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endpoints.catalogue.catalogue import Catalogue
from endpoints.catalogue.schema import (
    Budget,
    Candidate,
    Engine,
    LicenceClass,
    ModelFacts,
    ModelKind,
    Support,
    Task,
    UseCase,
)


@dataclass(frozen=True, kw_only=True)
class ModelQuery:
    """What is asked of a model; None asks nothing. Models whose answer is not known are left out, never guessed.

    `language` is an ISO 639 code; `max_parameters` counts what must be in memory.
    """

    kind: ModelKind | None = None
    licence: LicenceClass | None = None
    gated: bool | None = None
    language: str | None = None
    multilingual: bool | None = None
    engine: Engine | None = None
    max_parameters: int | None = None
    task: Task | None = None
    budget: Budget | None = None

    def matches(self, model: ModelFacts) -> bool:
        """True when every question that is asked has the wanted answer."""
        return all(self._answers(model))

    def _answers(self, model: ModelFacts) -> Iterator[bool]:
        guidance = model.guidance
        yield self.kind in (None, model.kind)
        yield self.licence in (None, model.licence.kind)
        yield self.gated is None or model.licence.gated is self.gated
        yield self.language is None or self.language in model.languages.codes
        yield self.multilingual is None or model.languages.multilingual is self.multilingual
        yield self.engine is None or model.support(self.engine).level is Support.NATIVE
        yield self.max_parameters is None or (parameter_count(model) or float("inf")) <= self.max_parameters
        yield self.task is None or (guidance is not None and self.task in guidance.tasks)
        yield self.budget is None or (guidance is not None and guidance.budget is self.budget)


@dataclass(frozen=True)
class LatencyTier:
    """The source documents' rule of thumb: models of what size answer within `below_ms`."""

    name: str
    below_ms: int
    max_parameters: int


LATENCY_TIERS = (
    LatencyTier("low", 100, 9_000_000_000),
    LatencyTier("medium", 500, 15_000_000_000),
    LatencyTier("high quality", 1_000, 80_000_000_000),
)


def parameter_count(model: ModelFacts) -> int | None:
    """Parameters that must be in memory; a quantised form has as many as the model it is a form of."""
    return model.parameters.total or model.parameters.base_total


def find_models(catalogue: Catalogue, query: ModelQuery) -> tuple[ModelFacts, ...]:
    """The models that match, in the catalogue's order."""
    return tuple(model for model in catalogue.models if query.matches(model))


def latency_tier(target_ms: int) -> LatencyTier:
    """The tier a latency target belongs to; slower targets than any tier's allow the largest models."""
    return next((tier for tier in LATENCY_TIERS if target_ms <= tier.below_ms), LATENCY_TIERS[-1])


def models_for_latency(catalogue: Catalogue, target_ms: int) -> tuple[ModelFacts, ...]:
    """Text models that the rule of thumb allows for a latency target, the largest first."""
    query = ModelQuery(max_parameters=latency_tier(target_ms).max_parameters)
    texts = (model for model in find_models(catalogue, query) if model.kind is not ModelKind.EMBEDDING)
    return tuple(sorted(texts, key=lambda model: parameter_count(model) or 0, reverse=True))


def uses_of(catalogue: Catalogue, model_id: str) -> tuple[tuple[UseCase, Candidate], ...]:
    """Where a model serves: as what is meant, or as the weights that run. Raises CatalogueError when unknown."""
    canonical_id = catalogue.model(model_id).canonical_id
    return tuple(
        (use_case, candidate)
        for use_case in catalogue.use_cases
        for candidate in use_case.candidates
        if canonical_id in (candidate.model_id, candidate.weights_id)
    )
