"""Two route tables side by side: every difference by its place, and which ones take a deploy."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.route_table import render_route_table
from endpoints.route_table_changes import Difference, differences, is_table, needs_deploy


@pytest.fixture
def table() -> dict[str, Any]:
    catalogue = load_catalogue()
    return deepcopy(render_route_table(catalogue, catalogue.environment("production")))


def _edited(table: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(table)


def test_a_table_differs_in_nothing_from_itself(table: dict[str, Any]) -> None:
    assert differences(table, _edited(table)) == ()
    assert needs_deploy(table, _edited(table)) == ()


def test_a_change_of_routing_is_named_by_its_place_and_takes_no_deploy(table: dict[str, Any]) -> None:
    new = _edited(table)
    route = new["use_cases"]["job-parsing"]
    before_ms = route["limits"]["timeout_ms"]
    route["limits"]["timeout_ms"] = 1234
    route["shadow"] = {"candidate": "alternative", "percent": 5}
    assert set(differences(table, new)) == {
        Difference("job-parsing: limits.timeout_ms", before_ms, 1234),
        Difference("job-parsing: shadow.candidate", None, "alternative"),
        Difference("job-parsing: shadow.percent", None, 5),
    }
    assert needs_deploy(table, new) == ()


def test_another_order_of_candidates_is_one_difference_and_takes_no_deploy(table: dict[str, Any]) -> None:
    new = _edited(table)
    new["use_cases"]["job-parsing"]["candidates"].reverse()
    assert differences(table, new) == (
        Difference("job-parsing: candidates", "primary, alternative", "alternative, primary"),
    )
    assert needs_deploy(table, new) == ()


@pytest.mark.parametrize(
    "field", ["model_id", "engine", "variant", "max_total_tokens", "tool_calls", "usd_per_hour"]
)
def test_another_model_instance_or_setting_of_its_engine_takes_a_deploy(
    table: dict[str, Any], field: str
) -> None:
    new = _edited(table)
    before = new["use_cases"]["job-parsing"]["candidates"][1][field]
    new["use_cases"]["job-parsing"]["candidates"][1][field] = "other"
    assert needs_deploy(table, new) == (f"job-parsing: alternative has {field} other, deployed is {before}",)


def test_so_do_another_endpoint_a_candidate_more_another_size_and_another_version(
    table: dict[str, Any],
) -> None:
    moved, more, newer = _edited(table), _edited(table), _edited(table)
    moved["use_cases"]["job-parsing"]["endpoint_name"] = "elsewhere"
    more["use_cases"]["other"] = more["use_cases"]["job-parsing"]
    newer["version"] = 99
    resized = _edited(table)
    sized_for = resized["use_cases"]["job-parsing"]["requests_in_flight"]
    resized["use_cases"]["job-parsing"]["requests_in_flight"] = 99
    assert "job-parsing: primary has endpoint_name elsewhere" in needs_deploy(table, moved)[0]
    assert needs_deploy(table, more) == (
        "other is not deployed",
        "other: primary is not deployed",
        "other: alternative is not deployed",
    )
    assert "other: primary is deployed, and not in the new table" in needs_deploy(more, table)
    assert needs_deploy(table, resized) == (
        f"job-parsing has requests_in_flight 99, deployed is {sized_for}",
    )
    assert "version 99" in needs_deploy(table, newer)[0]


def test_against_nothing_everything_is_new(table: dict[str, Any]) -> None:
    found = differences({}, table)
    assert all(each.before is None for each in found)
    assert Difference("job-parsing: candidates", None, "primary, alternative") in found


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"version": 2},
        {"version": 1, "use_cases": {}},
        {"version": 2, "use_cases": []},
        {"version": 2, "use_cases": {"a": {}}},
        {"version": 2, "use_cases": {"a": {"candidates": [{}]}}},
    ],
)
def test_what_is_no_table_is_told_from_one(document: object, table: dict[str, Any]) -> None:
    assert not is_table(document)
    assert is_table(table)
