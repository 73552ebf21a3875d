"""A fault, and what docs/routing.md says must follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.faults.upstream import Behaviour

Kind = Literal[
    "none", "caller", "context_length", "refused", "overloaded", "unavailable", "timeout", "broken"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a candidate does to every request.

    `status` and `code`: what the caller gets where there is no other candidate. `says`: words that the caller must be
    told whatever else fails. `again`: the candidate is asked once more. `account`: the throttle is the account's.
    `begun`: the caller has a part of the answer by then. `slow`: it takes the attempt's whole time.
    """

    name: str
    answer: Behaviour
    kind: Kind
    status: int
    code: str
    says: str
    again: bool = False
    account: bool = False
    begun: bool = False
    slow: bool = False
