"""A request's body: its bytes -> a JSON object, and checks of its single fields.

Whatever is wrong ends in a 400 that says what and where. `null` counts as absent, as in OpenAI's API.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lambdas.router.errors import bad_request
from lambdas.router.strict_json import JsonError, loads

_NO_OBJECT = "invalid_json"


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises a 400 `ApiError` for anything else."""
    if not raw.strip():
        raise bad_request("The body is empty; a JSON object is needed.", code=_NO_OBJECT)
    try:
        document = loads(raw)
    except JsonError as error:
        raise bad_request(f"The body is {error}.", code=_NO_OBJECT) from error
    if not isinstance(document, dict):
        raise bad_request("The body must be a JSON object.", code=_NO_OBJECT)
    return document


def model_of(body: Mapping[str, Any]) -> str:
    """What the caller put into `model`. Raises 400 where it is missing."""
    model = body.get("model")
    if isinstance(model, str) and model:
        return model
    message = "model must name a use case (query-enhancement) or a candidate (query-enhancement:alternative)."
    raise bad_request(message, param="model", code="missing_model")


def whole_number(body: Mapping[str, Any], name: str, *, at: str = "", least: int, most: int) -> int | None:
    """The whole number `name`, or None when absent. Raises 400 when it is something else or out of range."""
    value = body.get(name)
    if value is None:
        return None
    param = at + name
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f"{param} must be a whole number, got {_shown(value)}.", param=param)
    if not least <= value <= most:
        raise bad_request(f"{param} must be from {least} to {most}, got {_shown(value)}.", param=param)
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


def obj(body: Mapping[str, Any], name: str, *, at: str = "") -> dict[str, Any] | None:
    """The object `name`, None when absent. Raises 400 when it is something else."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_request(f"{at}{name} must be an object, got {_shown(value)}.", param=at + name)
    return value


def items(body: Mapping[str, Any], name: str) -> list[Any] | None:
    """The list `name`, None when absent. Raises 400 when it is something else."""
    value = body.get(name)
    if value is not None and not isinstance(value, list):
        raise bad_request(f"{name} must be a list, got {_shown(value)}.", param=name)
    return value


def without_nulls(body: Mapping[str, Any], dropped: Collection[str]) -> dict[str, Any]:
    """The fields for the engine: neither absent ones spelt `null` nor those in `dropped`."""
    return {name: value for name, value in body.items() if value is not None and name not in dropped}


def _shown(value: object) -> str:
    """A short form for a message. Containers are named, not printed: they may hold a prompt."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        return "a very large number"
    return f"{value!r:.40}"
