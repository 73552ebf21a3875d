"""`GET /v1/models` and `GET /v1/models/{model}`: what a caller may put into `model`."""

from __future__ import annotations

from lambdas.router.choice import SEPARATOR, choose
from lambdas.router.route_table import Candidate, RouteTable

_UNKNOWN_TIME = (
    0  # OpenAI's schema demands `created`; when a use case was first deployed is not in the route table
)


def list_models(table: RouteTable) -> dict[str, object]:
    """OpenAI's list: every use case, and after it each of its candidates."""
    models = []
    for use_case, route in table.routes.items():
        models.append(_model(use_case, route.candidates[0]))
        models += [
            _model(f"{use_case}{SEPARATOR}{candidate.role}", candidate) for candidate in route.candidates
        ]
    return {"object": "list", "data": models}


def show_model(table: RouteTable, model: str) -> dict[str, object]:
    """One entry of the list. Raises a 404 `ApiError` for an unknown one."""
    return _model(model, choose(table, model).candidates[0])


def _model(name: str, candidate: Candidate) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": _UNKNOWN_TIME,
        "owned_by": "adept",
        "candidate": candidate.role,
        "model_id": candidate.model_id,
        "engine": candidate.engine.value,
        "max_total_tokens": candidate.max_total_tokens,
    }
