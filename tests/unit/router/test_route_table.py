"""The route table: parsed whole, or refused whole with every fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.router.route_table import Engine, RouteTableError, load_route_table, parse_route_table
from tests.unit.router.support import LIMITS, PRIMARY_MODEL, candidate, table_document


def test_a_valid_table_is_parsed_with_candidates_in_their_order() -> None:
    table = load_route_table(json.dumps(table_document()))
    route = table.routes["query-enhancement"]
    assert table.environment == "test"
    assert route.candidates[0].endpoint_name == "adept-test-query-enhancement"
    assert route.limits.timeout_ms == 20_000
    assert [each.role for each in route.candidates] == ["primary", "alternative"]
    assert route.candidates[0].model_id == PRIMARY_MODEL
    assert route.candidates[0].engine is Engine.TGI


def test_every_fault_is_reported_at_once_with_its_place() -> None:
    broken = {
        "endpoint_name": "",
        "limits": LIMITS | {"timeout_ms": 0, "max_bodies": 1},
        "candidates": [candidate("primary", "m", engine="triton"), candidate("primary", "m")],
    }
    with pytest.raises(RouteTableError) as caught:
        parse_route_table(table_document(broken=broken))
    faults = "\n".join(caught.value.faults)
    assert "$.use_cases.broken.endpoint_name: a non-empty string" in faults
    assert "$.use_cases.broken.limits.timeout_ms: a positive whole number" in faults
    assert "$.use_cases.broken.limits.max_bodies: unknown" in faults
    assert "$.use_cases.broken.candidates[0].engine: got 'triton', allowed: tgi, vllm" in faults
    assert "$.use_cases.broken.candidates: each role appears once" in faults


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_an_unknown_version_is_refused(version: object) -> None:
    with pytest.raises(RouteTableError, match="this router reads 1"):
        parse_route_table(table_document() | {"version": version})


@pytest.mark.parametrize("document", [None, [], "x", {}, {"version": 1}])
def test_anything_but_a_table_is_refused(document: object) -> None:
    with pytest.raises(RouteTableError):
        parse_route_table(document)


@pytest.mark.parametrize(
    "change",
    [
        {"use_cases": {}},
        {"use_cases": {"a:b": table_document()["use_cases"]["query-enhancement"]}},
        {"use_cases": {"a": {"endpoint_name": "e", "limits": LIMITS, "candidates": []}}},
        {
            "use_cases": {
                "a": {
                    "endpoint_name": "e",
                    "limits": LIMITS | {"timeout_ms": True},
                    "candidates": [candidate("p", "m")],
                }
            }
        },
        {"extra": 1},
    ],
)
def test_a_table_that_could_not_serve_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RouteTableError):
        parse_route_table(table_document() | change)


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(RouteTableError, match="not JSON"):
        load_route_table("{")
