"""Which candidates a request means.

`query-enhancement` means every candidate by priority. `query-enhancement:alternative` means that one alone; so does
its model's id in the place of the role, or by itself where one use case has it. A caller who names a candidate (for
its licence, for a comparison) must never get another one's answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lambdas.router.choosing.wishes import CANDIDATE_HEADER
from lambdas.router.errors import ApiError, bad_request, unknown_model
from lambdas.router.route_table import Candidate, Route, RouteTable

SEPARATOR = ":"


class Choice(NamedTuple):
    """A use case's route and the candidates to try, in order (never empty). `named`: the caller named this one.

    `refusals` are of the candidates that cannot answer the request, by role.
    """

    route: Route
    candidates: tuple[Candidate, ...]
    named: bool = False
    refusals: Mapping[str, ApiError] = MappingProxyType({})


def choose(table: RouteTable, model: str) -> Choice:
    """Resolve `use-case`, `use-case:candidate` or a model's id. Raises `ApiError`, 404 for unknown ones."""
    use_case, separator, name = model.partition(SEPARATOR)
    if not separator and use_case not in table.routes and "/" in model:
        return _choose_model(table, model)
    return _choose(table, use_case, name if separator else None, said_in="model", named_in="model")


def choose_candidate(table: RouteTable, use_case: str, name: str | None) -> Choice:
    """Resolve `use_case` of a path and, unless None, the `candidate` of its query: a role, or a model's id.

    Raises a 404 `ApiError` that names the one of them which is unknown.
    """
    return _choose(table, use_case, name, said_in="use_case", named_in="candidate")


def narrowed(choice: Choice, name: str) -> Choice:
    """The choice of a request whose header names a candidate, too. Raises `ApiError` (400, 404)."""
    named = _named(choice.route, name, CANDIDATE_HEADER)
    if choice.named and named.candidates != choice.candidates:
        raise bad_request(
            f"The request names two candidates: {choice.candidates[0].role} and {named.candidates[0].role}.",
            param=CANDIDATE_HEADER,
        )
    refusal = choice.refusals.get(named.candidates[0].role)
    if refusal is not None:
        raise refusal
    return named


def _choose(table: RouteTable, use_case: str, name: str | None, *, said_in: str, named_in: str) -> Choice:
    route = table.routes.get(use_case)
    if route is None:
        known = ", ".join(sorted(table.routes))
        raise unknown_model(f"There is no use case {use_case[:80]!r}. There is: {known}.", param=said_in)
    return Choice(route, route.candidates) if name is None else _named(route, name, named_in)


def _named(route: Route, name: str, param: str) -> Choice:
    for candidate in route.candidates:
        if name in (candidate.role, candidate.model_id):
            return Choice(route, (candidate,), named=True)
    known = ", ".join(f"{candidate.role} ({candidate.model_id})" for candidate in route.candidates)
    raise unknown_model(
        f"{route.use_case} has no candidate {name[:80]!r} here. It has: {known}.", param=param
    )


def _choose_model(table: RouteTable, model_id: str) -> Choice:
    found = [
        Choice(route, (candidate,), named=True)
        for route in table.routes.values()
        for candidate in route.candidates
        if candidate.model_id == model_id
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(sorted(table.routes))
        raise unknown_model(f"No use case has a model {model_id[:80]!r} here. Use cases: {known}.")
    names = ", ".join(f"{each.route.use_case}{SEPARATOR}{model_id}" for each in found)
    message = f"Several use cases have the model {model_id[:80]!r}; name one of {names}."
    raise bad_request(message, param="model", code="ambiguous_model")
