"""The source documents' public functions: from a use case to the model that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from endpoints.catalogue.loader import load_catalogue
from endpoints.catalogue.schema import Candidate, ModelFacts
from endpoints.errors import CatalogueError


class ModelUseCase(StrEnum):
    """The five use cases; the values are the catalogue's ids."""

    QUERY_ENHANCEMENT = "query-enhancement"
    BEHAVIORAL_ANALYSIS = "behavioral-analysis"
    MARKET_INTELLIGENCE = "market-intelligence"
    JOB_PARSING = "job-parsing"
    EXPLANATION_GENERATION = "explanation-generation"


@dataclass(frozen=True)
class SelectedModel:
    """A candidate and the facts of the model that is meant by it."""

    candidate: Candidate
    facts: ModelFacts

    @property
    def model_id(self) -> str:
        """The name in the source documents: `meta-llama/Meta-Llama-3.1-8B-Instruct`."""
        return self.facts.model_id

    @property
    def canonical_id(self) -> str:
        """The Hub's name today: `meta-llama/Llama-3.1-8B-Instruct`."""
        return self.facts.canonical_id


def get_model_for_use_case(use_case: ModelUseCase | str, priority: int = 1) -> SelectedModel:
    """The model of a use case by priority: 1 is the primary, 2 the alternative.

    Raises CatalogueError when the use case or the priority does not exist.
    """
    catalogue = load_catalogue()
    candidates = {c.priority: c for c in catalogue.use_case(str(use_case)).candidates}
    if priority not in candidates:
        allowed = ", ".join(str(known) for known in candidates)
        raise CatalogueError(
            f"use case {str(use_case)!r} has no candidate of priority {priority!r}",
            remedy=f"Allowed: {allowed}.",
        )
    candidate = candidates[priority]
    return SelectedModel(candidate, catalogue.model(candidate.model_id))


def get_huggingface_model_id(use_case: ModelUseCase | str) -> str:
    """The primary model's name in the source documents. Raises CatalogueError for an unknown use case."""
    return get_model_for_use_case(use_case).model_id
