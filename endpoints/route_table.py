"""The route table: what the router needs to know of the catalogue, as JSON that travels inside its bundle."""

from __future__ import annotations

from endpoints.catalogue import Candidate, Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.naming import endpoint_name

VERSION = 1


def render_route_table(catalogue: Catalogue, environment: Environment) -> dict[str, object]:
    """Every use case with its endpoint, limits and the candidates that answer in `environment`, by priority."""
    return {
        "version": VERSION,
        "environment": environment.name,
        "use_cases": {use_case.id: _route(use_case, environment) for use_case in catalogue.use_cases},
    }


def _route(use_case: UseCase, environment: Environment) -> dict[str, object]:
    return {
        "endpoint_name": endpoint_name(environment.name, use_case.id),
        "limits": use_case.limits.model_dump(mode="json"),
        "candidates": [
            _candidate(candidate, environment) for candidate in offered_candidates(use_case, environment)
        ],
    }


def _candidate(candidate: Candidate, environment: Environment) -> dict[str, object]:
    lender = candidate.borrowed_from
    # Named only where it is not the use case's own endpoint.
    borrowed = {"endpoint_name": endpoint_name(environment.name, lender)} if lender else {}
    return {
        **borrowed,
        "role": candidate.role.value,
        "variant": candidate.role.value,
        "model_id": candidate.model_id,
        "engine": candidate.engine.value,
        "max_total_tokens": candidate.max_total_tokens,
    }
