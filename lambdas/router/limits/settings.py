"""Which limits there are, from the function's environment (infra/router_limits.py sets it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_SWITCH = {"": False, "allow": False, "refuse": True}


class LimitSettings(NamedTuple):
    """The limits of every key; None: none. `refuse_uncounted`: what cannot be counted is refused, else let through."""

    table: str
    requests_per_minute: int | None
    tokens_per_day: int | None
    refuse_uncounted: bool


def read_limits(environ: Mapping[str, str]) -> LimitSettings:
    """The settings of an environment that limits something. Raises ValueError, with the variable's name."""
    table = environ.get("LIMITS_TABLE")
    requests = _whole(environ, "LIMITS_REQUESTS_PER_MINUTE")
    tokens = _whole(environ, "LIMITS_TOKENS_PER_DAY")
    if not table:
        raise ValueError("LIMITS_TABLE is not set, and there are limits to count in it")
    switch = environ.get("LIMITS_WHEN_UNAVAILABLE", "")
    if switch not in _SWITCH:
        raise ValueError(f"LIMITS_WHEN_UNAVAILABLE is {switch!r:.40}, allowed: allow, refuse")
    return LimitSettings(table, requests, tokens, _SWITCH[switch])


def _whole(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ValueError(f"{name} is {text!r:.40}, allowed: a whole number above 0")
    return int(text)
