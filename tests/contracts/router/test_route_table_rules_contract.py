"""A table that `adept` calls valid is one that the router takes, and any other is one that it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.route_table import render_route_table
from endpoints.route_table_rules import table_faults
from lambdas.router.route_table import RouteTableError
from lambdas.router.route_table_reader import load_route_table
from lambdas.router.route_table_source import LastGood

CATALOGUE = load_catalogue()
ENVIRONMENTS = [environment.name for environment in CATALOGUE.environments]
EVERY_SECTION: Final[dict[str, Any]] = {
    "hedging": {"after_ms": 900, "to": "next", "max_prompt_chars": 4000, "budget_percent": 5.0},
    "experiment": {
        "id": "exp-1",
        "salt": "a",
        "weights": {"primary": 1, "alternative": 0},
        "sticky_by": ["user", "session", "header:x-team"],
    },
    "shadow": {"candidate": "alternative", "percent": 5, "max_in_flight": 2, "timeout_ms": 30000},
    "require": {
        "licence": "permissive",
        "languages": ["en", "multilingual"],
        "context_tokens": 100,
        "structured_output": False,
    },
}
VALUES: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        False,
        "",
        "x",
        "2",
        "-x",
        "a:b",
        "header:X-Team",
        "header:x",
        "same",
        "tgi",
        "unknown",
        "primary",
    ),
    *(-3, 0, 1, 2, 3, 100, 101, 10**40, 10**400, -0.5, 0.0, 0.5, 2.0, 100.5, float("inf"), float("nan")),
    *(
        [],
        ["x"],
        [1],
        [""],
        ["user", "header:x"],
        [None],
        {},
        {"x": 1},
        {"primary": 0},
        {"primary": 1},
        {"primary": -1},
    ),
)


def _whole_table() -> dict[str, Any]:
    """One use case with every section there is."""
    table = deepcopy(render_route_table(CATALOGUE, CATALOGUE.environment("staging")))
    route = table["use_cases"]["job-parsing"] | deepcopy(EVERY_SECTION)
    route["candidates"][1]["endpoint_name"] = "adept-staging-other"
    return {**table, "use_cases": {"job-parsing": route}}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield from _places(member, (*path, key))


def _at(table: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        table = table[key]
    return table


def _changed() -> Iterator[tuple[str, Any]]:
    """Each member of the table as something else, away, and with a neighbour nobody knows."""
    whole = _whole_table()
    for path in _places(whole):
        for value in VALUES:
            if path:
                table = deepcopy(whole)
                _at(table, path[:-1])[path[-1]] = value
                yield f"{path} = {value!r:.40}", table
            else:
                yield f"{value!r:.40} as the whole", value
        if path:
            table = deepcopy(whole)
            del _at(table, path[:-1])[path[-1]]
            yield f"without {path}", table
        if isinstance(_at(whole, path), dict):
            table = deepcopy(whole)
            _at(table, path)["nobody_knows"] = 1
            yield f"{path}.nobody_knows", table
    yield from _two_together(whole)


def _two_together(whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    twice, colon, two = deepcopy(whole), deepcopy(whole), deepcopy(whole)
    twice["use_cases"]["job-parsing"]["candidates"] *= 2
    colon["use_cases"]["a:b"] = colon["use_cases"]["job-parsing"]
    two["use_cases"][""] = deepcopy(two["use_cases"]["job-parsing"])
    yield from (("a role twice", twice), ("a colon in a use case", colon), ("a use case without a name", two))


def _router_takes(text: str) -> bool:
    of_staging = load_route_table(json.dumps(_whole_table()))
    try:
        LastGood(of_staging).offer(text)
    except RouteTableError:
        return False
    return True


def test_adept_and_the_router_agree_about_every_table_with_one_thing_changed() -> None:
    answers = []
    for what, table in _changed():
        text = json.dumps(table)
        takes = _router_takes(text)
        answers.append(takes)
        faults = table_faults(json.loads(text), "staging", "the table")
        assert (not faults) == takes, (
            f"{what}: the router {'takes' if takes else 'refuses'} it; adept: {faults}"
        )
    assert len(answers) > 2000
    assert 100 < sum(answers) < len(answers) - 100  # both kinds are among them


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_the_catalogue_renders_is_valid_in_its_environment_alone(environment: str) -> None:
    table = json.loads(json.dumps(render_route_table(CATALOGUE, CATALOGUE.environment(environment))))
    assert table_faults(table, environment, "x") == ()
    assert table_faults(table, "elsewhere", "x") == (
        f"x: $.environment: got {environment!r}; allowed: 'elsewhere'",
    )


def test_a_fault_is_told_with_its_place_and_what_may_stand_there() -> None:
    table = _whole_table()
    table["use_cases"]["job-parsing"]["limits"]["timeout_ms"] = -3
    (fault,) = table_faults(table, "staging", "s3://b/table.json")
    assert fault == (
        "s3://b/table.json: $.use_cases.job-parsing.limits.timeout_ms: got -3; "
        "allowed: greater than or equal to 1"
    )
