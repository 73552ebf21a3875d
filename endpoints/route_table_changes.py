"""Two route tables side by side: what differs, and whether a router can take the other without a deploy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from endpoints.route_table import VERSION

# What the endpoints are, what the engines were started with, and what their instances cost: a table that says otherwise
# would be wrong.
_DEPLOYED: Final = (
    *("endpoint_name", "variant", "model_id", "engine", "max_input_tokens", "max_total_tokens"),
    *("tool_calls", "usd_per_hour"),
)


@dataclass(frozen=True)
class Difference:
    """A value that two tables have differently, None where one has none. `place`: `use case: routing.field`."""

    place: str
    before: object
    after: object


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Everything that differs, use case by use case; candidates are told apart by their role.

    Takes route tables (see `is_table`), and {} for one that is not there.
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return tuple(
        Difference(place, old.get(place), new.get(place))
        for place in dict.fromkeys((*old, *new))
        if old.get(place) != new.get(place)
    )


def needs_deploy(deployed: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Why `after` must not be put in force by itself, each reason a sentence's end; empty where it may."""
    if deployed.get("version") != after.get("version"):
        return (
            f"it is of version {after.get('version')}, the deployed router's is {deployed.get('version')}",
        )
    old, new = dict(_deployed_values(deployed)), dict(_deployed_values(after))
    places = dict.fromkeys((*old, *new))
    return tuple(reason for place in places if (reason := _reason(place, old.get(place), new.get(place))))


def _reason(place: str, old: Mapping[str, object] | None, new: Mapping[str, object] | None) -> str | None:
    if old is None or new is None:
        return f"{place} is {'not deployed' if old is None else 'deployed, and not in the new table'}"
    changed = [name for name in old if old[name] != new[name]]
    told = ", ".join(f"{name} {new[name]}, deployed is {old[name]}" for name in changed)
    return f"{place} has {told}" if told else None


def is_table(document: object) -> bool:
    """Whether this is a route table of this release, as far as the functions here look into it.

    The router looks further: it takes a table whole or not at all.
    """
    if not isinstance(document, dict) or document.get("version") != VERSION:
        return False
    use_cases = document.get("use_cases")
    return isinstance(use_cases, dict) and all(_is_route(route) for route in use_cases.values())


def _is_route(route: object) -> bool:
    candidates = route.get("candidates") if isinstance(route, dict) else None
    return isinstance(candidates, list) and all(
        isinstance(each, dict) and isinstance(each.get("role"), str) and "model_id" in each
        for each in candidates
    )


def _deployed_values(table: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    """By place: what a use case's fleets were sized for, and what each of its candidates is."""
    for use_case, route in table["use_cases"].items():
        yield use_case, {"requests_in_flight": route.get("requests_in_flight")}
        for candidate in route["candidates"]:
            endpoint = candidate.get("endpoint_name") or route.get("endpoint_name")
            values = {name: candidate.get(name) for name in _DEPLOYED}
            yield f"{use_case}: {candidate['role']}", {**values, "endpoint_name": endpoint}


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if name != "use_cases":
            yield name, value
    for use_case, route in table.get("use_cases", {}).items():
        candidates = route.get("candidates", [])
        yield f"{use_case}: candidates", ", ".join(str(each.get("role")) for each in candidates)
        for candidate in candidates:
            yield from _below(f"{use_case}: {candidate.get('role')}", candidate)
        rest = {name: value for name, value in route.items() if name != "candidates"}
        yield from _below(f"{use_case}:", rest)


def _below(place: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            joint = " " if place.endswith(":") else "."
            yield from _below(f"{place}{joint}{name}", inner)
    else:
        yield place, value
