"""What of a use case an environment offers, and what of that it deploys on the use case's own endpoint."""

from __future__ import annotations

from endpoints.catalogue.schema import Candidate, Environment, UseCase


def offered_candidates(use_case: UseCase, environment: Environment) -> tuple[Candidate, ...]:
    """Candidates that can answer in `environment`, by priority, borrowed ones included."""
    return tuple(candidate for candidate in use_case.candidates if candidate.role in environment.roles)


def deployed_candidates(use_case: UseCase, environment: Environment) -> tuple[Candidate, ...]:
    """Candidates that run on the use case's own endpoint in `environment`, by priority."""
    return tuple(
        candidate
        for candidate in offered_candidates(use_case, environment)
        if candidate.borrowed_from is None
    )
