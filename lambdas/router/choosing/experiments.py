"""Deals units (users, sessions, ...) to candidates: the same one to the same unit always, by hash, without state."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from lambdas.router.route_table import Experiment

_POINTS = 1 << 64


class Exposure(NamedTuple):
    """A request that was dealt to an arm of an experiment. `unit`: what it was dealt by, never whose it was."""

    experiment: str
    arm: str
    unit: str


def assign(experiment: Experiment, unit: str) -> str:
    """The role that `unit` is dealt. Where an arm grows by a change of weights, those that it had stay with it."""
    dealt = sha256(f"{experiment.id}\0{experiment.salt}\0{unit}".encode("utf-8", "surrogatepass")).digest()
    # By the arm's name: the order in which a file lists them must not deal anew.
    arms = sorted(experiment.weights.items())
    point = int.from_bytes(dealt[:8], "big") * sum(weight for _, weight in arms) // _POINTS
    for role, weight in arms:
        if point < weight:
            return role
        point -= weight
    raise AssertionError("the point lies within the sum of the weights")
