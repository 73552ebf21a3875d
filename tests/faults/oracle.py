"""What must follow from the faults of two candidates: by docs/routing.md, and not by the code."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.before import FAILED, OVERLOADED, TIMED_OUT, UNAVAILABLE
from tests.faults.fault import Fault

_ABOUT_THE_REQUEST = ("context_length", "refused")


@dataclass(frozen=True, slots=True)
class Expected:
    """`by`: who answers. `says`: what an error must name. `asked`: attempts of primary and alternative. `beside`: the
    primary's second one begins while the alternative still has the request.
    """

    status: int
    code: str
    says: tuple[str, ...]
    asked: tuple[int, int]
    by: str | None = None
    beside: bool = False


def expected(first: Fault, second: Fault | None, *, streamed: bool) -> Expected:
    """For a primary and an alternative, whose context is longer; `second` None: there is the primary alone."""
    if first.kind == "none":
        return Expected(200, "", (), (1, 0), "primary")
    if first.kind == "caller":
        return Expected(first.status, first.code, (first.says,), (1, 0))
    if first.begun:
        return Expected(200, first.code, (first.says,), (1, 0), "primary")
    if second is None:
        return Expected(first.status, first.code, (first.says,), (1 + first.again, 0))
    if second.kind == "none":
        return Expected(200, "", (), (1, 1), "alternative")
    if second.kind == "caller":
        return Expected(second.status, second.code, (first.says, second.says), (1, 1))
    if second.begun:
        return Expected(200, second.code, (second.says,), (1, 1), "alternative")
    status, code = _combined(first, second)
    asked = _asked(first, second)
    beside = second.slow and not streamed and asked[0] > 1  # a stream ends with its limit to the first token
    return Expected(status, code, (first.says, second.says), asked, beside=beside)


def _combined(first: Fault, second: Fault) -> tuple[int, str]:
    """The status that all causes support."""
    kinds = {first.kind, second.kind}.difference(_ABOUT_THE_REQUEST)
    if not kinds:
        return 400, first.code
    if kinds == {"timeout"}:
        return 504, TIMED_OUT
    if kinds == {"overloaded"}:
        return 429, OVERLOADED
    return (502, FAILED) if "broken" in kinds else (503, UNAVAILABLE)


def _asked(first: Fault, second: Fault) -> tuple[int, int]:
    """Whoever may be asked again is, once, if it can help."""
    no_use = second.kind == "context_length"  # the primary's context is the shorter one
    second_again = second.again and not (first.account and second.account)
    return 1 + (first.again and not no_use), 1 + second_again
