"""What of a use case an environment offers, and what of that it deploys on the use case's own endpoint."""

from __future__ import annotations

from collections.abc import Iterable

from endpoints.catalogue.schema import Candidate, CandidateRole, Environment, UseCase


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


def users_of(
    use_case: UseCase, role: CandidateRole, use_cases: Iterable[UseCase], environment: Environment
) -> tuple[UseCase, ...]:
    """Those of `use_cases` whose requests end on the `role` variant of `use_case`'s endpoint: itself, and borrowers."""
    return tuple(
        other
        for other in use_cases
        for candidate in offered_candidates(other, environment)
        if candidate.role is role and (candidate.borrowed_from or other.id) == use_case.id
    )
