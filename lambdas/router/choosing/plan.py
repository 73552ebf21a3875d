"""Whom a request asks, in which order: a named candidate alone, or the arm of an experiment, the primary, and the rest
by priority, as far as they are what is required. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lambdas.router.choosing.choice import Choice, narrowed
from lambdas.router.choosing.experiments import Exposure, assign
from lambdas.router.choosing.requirements import NONE, meeting, merged
from lambdas.router.choosing.wishes import Wishes, unit_of
from lambdas.router.route_table import Candidate, Experiment, Route


class Plan(NamedTuple):
    """The candidates of a request in the order they are tried (never empty), and why the first is the first."""

    route: Route
    candidates: tuple[Candidate, ...]
    exposure: Exposure | None = None


class Asker(NamedTuple):
    """Who asks, as far as an experiment may stick to it. `request_id` is what is always there."""

    user: object
    headers: Mapping[str, str]
    request_id: str


def plan(choice: Choice, wishes: Wishes, asker: Asker) -> Plan:
    """Order the candidates of `choice`. Raises `ApiError` when they cannot be what the request wants."""
    if wishes.candidate is not None:
        choice = narrowed(choice, wishes.candidate)
    route, candidates = choice.route, choice.candidates
    required = route.require if wishes.required is NONE else merged(route.require, wishes.required)
    if required != NONE:
        candidates = meeting(route, candidates, required)
    if choice.named or route.experiment is None:
        return Plan(route, candidates)
    return _by_experiment(route, candidates, route.experiment, asker)


def _by_experiment(
    route: Route, candidates: tuple[Candidate, ...], experiment: Experiment, asker: Asker
) -> Plan:
    """The dealt candidate first. One that does not meet the requirements is no exposure: its arm was not served."""
    source, unit = unit_of(experiment.sticky_by, asker.user, asker.headers) or ("request", asker.request_id)
    arm = assign(experiment, f"{source}\0{unit}")
    dealt = tuple(candidate for candidate in candidates if candidate.role == arm)
    if not dealt:
        return Plan(route, candidates)
    rest = tuple(candidate for candidate in candidates if candidate.role != arm)
    return Plan(route, dealt + rest, Exposure(experiment.id, arm, source))
