"""The route table: what the router needs to know of the catalogue, as JSON."""

from __future__ import annotations

from typing import Any

from endpoints.catalogue import Candidate, Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.catalogue.schema import CandidateRole, Engine, LicenceClass, ModelFacts, Requirements, Task
from endpoints.errors import CatalogueError
from endpoints.naming import endpoint_name

VERSION = 2


def render_route_table(catalogue: Catalogue, environment: Environment) -> dict[str, Any]:
    """Every use case with its endpoint, limits, routing and the candidates that answer in `environment`, by priority.

    Raises CatalogueError where a use case requires what no candidate there is.
    """
    return {
        "version": VERSION,
        "environment": environment.name,
        "use_cases": {
            use_case.id: _route(catalogue, use_case, environment) for use_case in catalogue.use_cases
        },
    }


def _route(catalogue: Catalogue, use_case: UseCase, environment: Environment) -> dict[str, object]:
    candidates = [
        _candidate(catalogue, candidate, environment)
        for candidate in offered_candidates(use_case, environment)
    ]
    _check_requirements(use_case, environment, candidates)
    return {
        "endpoint_name": endpoint_name(environment.name, use_case.id),
        "limits": use_case.limits.model_dump(mode="json"),
        "requests_in_flight": use_case.scaling.requests_in_flight_per_instance,
        **_routing(use_case, environment),
        "candidates": candidates,
    }


def _routing(use_case: UseCase, environment: Environment) -> dict[str, Any]:
    """The use case's routing, without the candidates that `environment` lacks."""
    routing = use_case.routing
    shadow, experiment = routing.shadow, routing.experiment
    document = routing.model_dump(mode="json")
    if shadow and shadow.candidate not in environment.roles:
        document["shadow"] = None
    if experiment:
        weights = {
            str(role): weight for role, weight in experiment.weights.items() if role in environment.roles
        }
        document["experiment"]["weights"] = weights
        if not any(weights.values()):
            document["experiment"] = None
    return document


def _candidate(catalogue: Catalogue, candidate: Candidate, environment: Environment) -> dict[str, Any]:
    lender = candidate.borrowed_from
    # Named only where it is not the use case's own endpoint.
    borrowed = {"endpoint_name": endpoint_name(environment.name, lender)} if lender else {}
    price = catalogue.instance(candidate.instance_type).prices.get(environment.region)
    return {
        **borrowed,
        "role": candidate.role.value,
        "variant": candidate.role.value,
        "model_id": candidate.model_id,
        "engine": candidate.engine.value,
        "max_input_tokens": candidate.max_input_tokens,
        "max_total_tokens": candidate.max_total_tokens,
        "tool_calls": candidate.engine is Engine.TGI or candidate.tool_call_parser is not None,
        **_facts(catalogue.model(candidate.model_id), catalogue.model(candidate.weights_id)),
        "usd_per_hour": price.usd_per_hour if price else None,
    }


def _facts(model: ModelFacts, weights: ModelFacts) -> dict[str, Any]:
    """What requirements are held against. A quantised form brings terms of its own, and no languages."""
    licences = {model.licence.kind, weights.licence.kind}
    worst_first = (LicenceClass.CUSTOM, LicenceClass.UNKNOWN, LicenceClass.PERMISSIVE)
    tasks = model.guidance.tasks if model.guidance else ()
    return {
        "licence": next(kind for kind in worst_first if kind in licences).value,
        "languages": sorted(model.languages.codes),
        "multilingual": model.languages.multilingual is True,
        "structured_output": Task.STRUCTURED_OUTPUT in tasks,
    }


def _check_requirements(
    use_case: UseCase, environment: Environment, candidates: list[dict[str, Any]]
) -> None:
    require = use_case.routing.require
    lacking = {candidate["role"]: _gaps(candidate, require) for candidate in candidates}
    if all(lacking.values()):
        told = "; ".join(f"{role} lacks {', '.join(gaps)}" for role, gaps in lacking.items())
        raise CatalogueError(
            f"use case {use_case.id}: no candidate of environment {environment.name} is what it requires: {told}",
            remedy="Change routing.require of the use case, or add a candidate that is (use_cases.yaml). "
            f"Roles of this environment: {', '.join(environment.roles)}; of all: {', '.join(CandidateRole)}.",
        )


def _gaps(candidate: dict[str, Any], require: Requirements) -> list[str]:
    """The router decides by the same rules; a contract test holds both to each other."""
    known = {*candidate["languages"], *(["multilingual"] if candidate["multilingual"] else [])}
    gaps = [f"languages={language}" for language in require.languages if language not in known]
    if require.licence is not None and candidate["licence"] != require.licence:
        gaps.append(f"license={require.licence}")
    if require.context_tokens is not None and candidate["max_total_tokens"] < require.context_tokens:
        gaps.append(f"context={require.context_tokens}")
    if require.structured_output and not candidate["structured_output"]:
        gaps.append("structured-output")
    return gaps
