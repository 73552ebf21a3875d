"""Which candidates a request tries, in which order.

`query-enhancement` tries every candidate by priority. `query-enhancement:alternative` tries that one alone: a
caller who names a candidate (a licence, a comparison) must never get another one's answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.router.errors import unknown_model
from lambdas.router.route_table import Candidate, Route, RouteTable

SEPARATOR = ":"


@dataclass(frozen=True, slots=True)
class Choice:
    """A use case's route and the candidates to try, in order (never empty)."""

    route: Route
    candidates: tuple[Candidate, ...]


def choose(table: RouteTable, model: str) -> Choice:
    """Resolve `use-case` or `use-case:candidate`. Raises a 404 `ApiError` for unknown ones."""
    use_case, separator, role = model.partition(SEPARATOR)
    return choose_candidate(table, use_case, role if separator else None)


def choose_candidate(table: RouteTable, use_case: str, role: str | None) -> Choice:
    """Resolve a use case and, unless None, one of its candidates by role. Raises a 404 `ApiError`."""
    route = table.routes.get(use_case)
    if route is None:
        known = ", ".join(sorted(table.routes))
        raise unknown_model(f"There is no use case {use_case[:80]!r}. There is: {known}.")
    if role is None:
        return Choice(route, route.candidates)
    named = tuple(candidate for candidate in route.candidates if candidate.role == role)
    if not named:
        known = ", ".join(candidate.role for candidate in route.candidates)
        raise unknown_model(f"{use_case} has no candidate {role[:80]!r} here. It has: {known}.")
    return Choice(route, named)
