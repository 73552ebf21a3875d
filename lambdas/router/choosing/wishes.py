"""What a request says in its headers about how it is to be treated; most say nothing.

x-adept-candidate    the candidate that is to answer, alone: its role or its model id
x-adept-require      what a candidate must be (`requirements`)
x-adept-timeout-ms   how long the caller waits for the whole answer
x-adept-session      what belongs together; an experiment can stick to it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lambdas.router.choosing.requirements import HEADER as REQUIRE_HEADER
from lambdas.router.choosing.requirements import NONE, parse_requirements
from lambdas.router.errors import bad_request
from lambdas.router.route_table import Requirements

CANDIDATE_HEADER = "x-adept-candidate"
TIMEOUT_HEADER = "x-adept-timeout-ms"
SESSION_HEADER = "x-adept-session"
_MOST_MS = 24 * 3600 * 1000


class Wishes(NamedTuple):
    """A request's wishes; each None, or empty, where it has none."""

    candidate: str | None = None
    required: Requirements = NONE
    timeout_s: float | None = None


NO_WISHES = Wishes()


def read_wishes(headers: Mapping[str, str]) -> Wishes:
    """The wishes in a request's headers (lower case). Raises a 400 `ApiError`."""
    candidate, required = headers.get(CANDIDATE_HEADER), headers.get(REQUIRE_HEADER)
    timeout_ms = headers.get(TIMEOUT_HEADER)
    if candidate is None and required is None and timeout_ms is None:
        return NO_WISHES
    return Wishes(
        candidate=candidate or None,
        required=parse_requirements(required) if required else NONE,
        timeout_s=_timeout_s(timeout_ms) if timeout_ms is not None else None,
    )


def unit_of(sources: tuple[str, ...], user: object, headers: Mapping[str, str]) -> tuple[str, str] | None:
    """(Source, value) of the first of `sources` that a request has: `user`, `session` or `header:NAME`."""
    for source in sources:
        if source == "user":
            value = user if isinstance(user, str) else None
        else:
            name = SESSION_HEADER if source == "session" else source.removeprefix("header:")
            value = headers.get(name)
        if value:
            return source, value
    return None


def _timeout_s(text: str) -> float:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9 and 0 < int(text) <= _MOST_MS:
        return int(text) / 1000
    message = (
        f"{TIMEOUT_HEADER} must be a whole number of milliseconds from 1 to {_MOST_MS}, got {text[:40]!r}."
    )
    raise bad_request(message, param=TIMEOUT_HEADER)
