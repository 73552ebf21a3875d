"""Checks of single request fields. `null` counts as absent, as in OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.router.errors import bad_request


def whole_number(
    body: Mapping[str, Any], name: str, *, at: str = "", least: int, most: int | None
) -> int | None:
    """The whole number `name`, or None when absent. Raises 400 when it is something else or out of range."""
    value = body.get(name)
    if value is None:
        return None
    param = at + name
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f"{param} must be a whole number, got {_shown(value)}.", param=param)
    if value < least or (most is not None and value > most):
        raise bad_request(f"{param} must be {_range(least, most)}, got {_shown(value)}.", param=param)
    return value


def check_number(body: Mapping[str, Any], name: str, *, least: float, most: float) -> None:
    """Raise 400 unless `name` is absent or a number in the range."""
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise bad_request(f"{name} must be a number, got {_shown(value)}.", param=name)
    if not least <= value <= most:
        raise bad_request(f"{name} must be from {least:g} to {most:g}, got {_shown(value)}.", param=name)


def flag(body: Mapping[str, Any], name: str) -> bool:
    """The boolean `name`, False when absent. Raises 400 when it is something else."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request(f"{name} must be true or false, got {_shown(value)}.", param=name)
    return value


def without_nulls(body: Mapping[str, Any], *dropped: str) -> dict[str, Any]:
    """The fields for the engine: neither absent ones spelt `null` nor those in `dropped`."""
    return {name: value for name, value in body.items() if value is not None and name not in dropped}


def _range(least: int, most: int | None) -> str:
    return f"at least {least}" if most is None else f"from {least} to {most}"


def _shown(value: object) -> str:
    """A short form for a message. Containers are named, not printed: they may hold a prompt."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        return "a very large number"
    return f"{value!r:.40}"
