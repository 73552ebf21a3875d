"""A fault, what is asked of a gateway under it, and what is captured of what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from benchmarks.faulty.wire import Wire
from tests.faults.upstream import Behaviour

Role = Literal["primary", "alternative"]
Script = Callable[[Wire], Behaviour | Sequence[Behaviour]]
"""What a candidate does, in either protocol: one behaviour for each request, the last one for all that follow."""


class Wants(Enum):
    """What the caller is owed."""

    ANSWER = "the right answer"
    ERROR = "a clear error"
    END = "the right answer, or an explicit error after what it has"


@dataclass(frozen=True)
class Case:
    """A fault. A script that is None: nobody listens at that candidate's address.

    `statuses`: of the error that is right. `says`: the cause in the candidate's words, any of them; empty: there are
    none. `caller_is_wrong`: whoever is asked, the answer is the same. `requests`: in turn, of one caller.
    `most_primary`: how many of them may reach the primary. `not_again_s`: the candidates ask to be left alone so long.
    """

    fault: str
    streamed: bool
    primary: Script | None
    alternative: Script | None
    wants: Wants
    statuses: frozenset[int] = frozenset()
    says: tuple[str, ...] = ()
    caller_is_wrong: bool = False
    requests: int = 1
    most_primary: int | None = None
    not_again_s: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.fault}, {'streamed' if self.streamed else 'whole'}"

    @property
    def key(self) -> str:
        """The name as part of an address."""
        return "".join(char if char.isalnum() else "-" for char in self.name.lower())

    @property
    def refused(self) -> frozenset[Role]:
        """The candidates at whose address nobody listens."""
        scripts: Mapping[Role, Script | None] = {"primary": self.primary, "alternative": self.alternative}
        return frozenset(role for role, script in scripts.items() if script is None)


class Ended(Enum):
    """How an exchange came to its end."""

    WHOLE = "whole"  # as HTTP says that a message ends
    CUT = "cut"  # the connection ended before
    LEFT = "left"  # the caller had waited long enough


@dataclass(frozen=True)
class Reply:
    """What came of a request. Status 0: nothing did."""

    status: int
    body: bytes
    ended: Ended
    took_s: float


@dataclass(frozen=True)
class Attempt:
    """A request as a candidate saw it, in seconds since the caller's first one."""

    role: Role
    at_s: float


@dataclass(frozen=True)
class Facts:
    """Everything that a verdict may rest on."""

    replies: Sequence[Reply]
    attempts: Sequence[Attempt]
