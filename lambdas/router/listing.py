"""`GET /v1/models` and `GET /v1/models/{model}`: what a caller may put into `model`, and how each candidate is."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.router.choosing.choice import SEPARATOR, choose
from lambdas.router.route_table import Candidate, Route, RouteTable

StateOf = Callable[[Candidate], str]
"""The state of a candidate's circuit breaker in this process: closed, open or half_open."""

# OpenAI's schema demands `created`; when a use case was first deployed is not in the route table.
_UNKNOWN_TIME = 0


def list_models(table: RouteTable, state_of: StateOf) -> dict[str, object]:
    """OpenAI's list: every use case, and after it each of its candidates."""
    models = []
    for use_case, route in table.routes.items():
        models.append(_use_case(use_case, route, state_of))
        models += [
            _candidate(f"{use_case}{SEPARATOR}{candidate.role}", candidate, state_of)
            for candidate in route.candidates
        ]
    return {"object": "list", "data": models}


def show_model(table: RouteTable, model: str, state_of: StateOf) -> dict[str, object]:
    """One entry of the list. Raises a 404 `ApiError` for an unknown one."""
    choice = choose(table, model)
    if choice.named:
        return _candidate(model, choice.candidates[0], state_of)
    return _use_case(model, choice.route, state_of)


def _use_case(name: str, route: Route, state_of: StateOf) -> dict[str, object]:
    """The facts of its first candidate, and of each under its role."""
    candidates = [{"role": candidate.role, **_facts(candidate, state_of)} for candidate in route.candidates]
    return {**_candidate(name, route.candidates[0], state_of), "candidates": candidates}


def _candidate(name: str, candidate: Candidate, state_of: StateOf) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": _UNKNOWN_TIME,
        "owned_by": "adept",
        "candidate": candidate.role,
        **_facts(candidate, state_of),
    }


def _facts(candidate: Candidate, state_of: StateOf) -> dict[str, object]:
    return {
        "model_id": candidate.model_id,
        "engine": candidate.engine.value,
        "max_total_tokens": candidate.max_total_tokens,
        "licence": candidate.licence.value,
        "languages": sorted(candidate.languages),
        "tool_calls": candidate.tool_calls,
        "state": state_of(candidate),
    }
