"""The route table: parsed whole, or refused whole with every fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.router.route_table import (
    MULTILINGUAL,
    Engine,
    Experiment,
    HedgeTo,
    Hedging,
    LicenceClass,
    Requirements,
    RouteTableError,
    Shadow,
)
from lambdas.router.route_table_reader import load_route_table, parse_route_table
from lambdas.router.route_table_source import LastGood, read_bundled
from tests.unit.router.support import LIMITS, PRIMARY_MODEL, candidate, route, table, table_document

HEDGING = {"after_ms": 300, "to": "same", "max_prompt_chars": 900, "budget_percent": 2.5}
EXPERIMENT = {"id": "e1", "salt": "s", "weights": {"primary": 9, "alternative": 1}, "sticky_by": ["user"]}
SHADOW = {"candidate": "alternative", "percent": 1, "max_in_flight": 2, "timeout_ms": 5000}
REQUIRE = {
    "licence": "permissive",
    "languages": ["de"],
    "context_tokens": 2048,
    "structured_output": True,
}


def one_route(**changes: object) -> dict[str, Any]:
    """A table whose only use case `a` has two candidates and `changes`."""
    both = [candidate("primary", "org/p", multilingual=True), candidate("alternative", "org/a")]
    return table_document() | {"use_cases": {"a": route("e", *both, **changes)}}


def faults_of(document: object) -> str:
    with pytest.raises(RouteTableError) as caught:
        parse_route_table(document)
    return "\n".join(caught.value.faults)


def test_a_valid_table_is_parsed_with_candidates_in_their_order() -> None:
    table = load_route_table(json.dumps(table_document()))
    route = table.routes["query-enhancement"]
    assert table.environment == "test"
    assert table.max_body_bytes == LIMITS["max_body_bytes"]
    assert route.candidates[0].endpoint_name == "adept-test-query-enhancement"
    assert route.limits.timeout_ms == 20_000
    assert [each.role for each in route.candidates] == ["primary", "alternative"]
    assert route.candidates[0].model_id == PRIMARY_MODEL
    assert route.candidates[0].engine is Engine.TGI
    assert route.candidates[0].key == ("adept-test-query-enhancement", "primary")


def test_how_a_use_case_is_treated_is_read() -> None:
    changes = {"hedging": HEDGING, "experiment": EXPERIMENT, "shadow": SHADOW, "require": REQUIRE}
    route = parse_route_table(one_route(log_text=True, **changes)).routes["a"]
    assert route.hedging == Hedging(300, HedgeTo.SAME, 900, 2.5)
    assert route.experiment == Experiment("e1", "s", {"primary": 9, "alternative": 1}, ("user",))
    assert route.shadow == Shadow("alternative", 1.0, 2, 5000)
    assert route.require == Requirements(LicenceClass.PERMISSIVE, ("de",), 2048, structured_output=True)
    assert route.log_text
    assert (route.streams.first_token_ms, route.breaker.open_s, route.retries.cap_ms) == (4000, 5, 1000)


def test_a_multilingual_candidate_has_that_among_its_languages() -> None:
    primary, alternative = parse_route_table(one_route()).routes["a"].candidates
    assert primary.languages == {"en", MULTILINGUAL}
    assert alternative.languages == {"en"}


def test_every_fault_is_reported_at_once_with_its_place() -> None:
    faulty = [candidate("primary", "m", engine="triton"), candidate("primary", "m")]
    limits = LIMITS | {"timeout_ms": 0, "max_bodies": 1}
    faults = faults_of(table_document(broken=route("", *faulty, limits=limits, shadow=3)))
    assert "$.use_cases.broken.endpoint_name: a non-empty string" in faults
    assert "$.use_cases.broken.limits.timeout_ms: a positive whole number" in faults
    assert "$.use_cases.broken.limits.max_bodies: unknown" in faults
    assert "$.use_cases.broken.candidates[0].engine: got 'triton', allowed: tgi, vllm" in faults
    assert "$.use_cases.broken.candidates: each role appears once" in faults
    assert "$.use_cases.broken.shadow: an object is needed" in faults


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"hedging": HEDGING | {"to": "other"}}, "hedging.to: got 'other', allowed: next, same"),
        ({"hedging": HEDGING | {"budget_percent": 101}}, "hedging.budget_percent: at most 100 percent"),
        (
            {"hedging": HEDGING | {"budget_percent": float("inf")}},
            "hedging.budget_percent: a positive number",
        ),
        ({"experiment": EXPERIMENT | {"weights": {"third": 1}}}, "experiment.weights.third: unknown"),
        ({"experiment": EXPERIMENT | {"weights": {"primary": 0}}}, "experiment.weights: at least one"),
        ({"experiment": EXPERIMENT | {"weights": {"primary": -1}}}, "weights.primary: a whole number from 0"),
        ({"experiment": EXPERIMENT | {"sticky_by": ["mood"]}}, "experiment.sticky_by: got 'mood'"),
        (
            {"experiment": EXPERIMENT | {"sticky_by": ["header:X-A"]}},
            "experiment.sticky_by: got 'header:X-A'",
        ),
        ({"shadow": SHADOW | {"candidate": "third"}}, "shadow.candidate: got 'third', allowed: primary, alt"),
        ({"require": REQUIRE | {"licence": "free"}}, "require.licence: got 'free'"),
        ({"require": REQUIRE | {"languages": "de"}}, "require.languages: a list of non-empty strings"),
        ({"require": REQUIRE | {"structured_output": 1}}, "require.structured_output: true or false"),
        (
            {"retries": {"per_candidate": -1, "base_ms": 1, "cap_ms": 1}},
            "retries.per_candidate: a whole number",
        ),
        ({"log_text": None}, "log_text: true or false"),
        ({"breaker": {}}, "breaker.window_s: a positive whole number"),
        ({"limits": LIMITS | {"timeout_ms": True}}, "limits.timeout_ms: a positive whole number"),
        ({"candidates": []}, "candidates: at least one candidate"),
        (
            {"candidates": [candidate("primary", "m", variant="primary\r\nhost: other")]},
            "candidates[0].variant: a name as SageMaker has them",
        ),
        (
            {"candidates": [candidate("primary", "m", endpoint_name="adept/../other")]},
            "candidates[0].endpoint_name: a name as SageMaker has them",
        ),
        ({"surprise": 1}, "surprise: unknown"),
    ],
)
def test_a_use_case_that_could_not_be_served_so_is_refused(changes: dict[str, Any], place: str) -> None:
    assert f"$.use_cases.a.{place}" in faults_of(one_route(**changes)) or place in faults_of(
        one_route(**changes)
    )


@pytest.mark.parametrize("name", ["hedging", "experiment", "shadow", "require", "streams", "log_text"])
def test_nothing_has_a_default_here(name: str) -> None:
    """The catalogue has the defaults; a table that lacks a field is of another release."""
    document = one_route()
    del document["use_cases"]["a"][name]
    assert f"$.use_cases.a.{name}" in faults_of(document)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (None, "render the table anew"),
        (1, "render the table anew"),
        (3, "deploy the router of the table's release"),
        ("2", "render the table anew"),
        (True, "render the table anew"),
    ],
)
def test_another_version_is_refused_and_the_fault_says_which_side_is_older(
    version: object, remedy: str
) -> None:
    fault = faults_of(table_document() | {"version": version})
    assert "this router reads 2" in fault
    assert remedy in fault


@pytest.mark.parametrize("document", [None, [], "x", {}, {"version": 2}])
def test_anything_but_a_table_is_refused(document: object) -> None:
    with pytest.raises(RouteTableError):
        parse_route_table(document)


@pytest.mark.parametrize(
    "change",
    [
        {"use_cases": {}},
        {"use_cases": {"a:b": table_document()["use_cases"]["query-enhancement"]}},
        {"extra": 1},
    ],
)
def test_a_table_that_could_not_serve_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RouteTableError):
        parse_route_table(table_document() | change)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(RouteTableError, match="not JSON"):
        load_route_table(text)


def test_a_bundle_without_a_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(RouteTableError, match="cannot be read: FileNotFoundError"):
        read_bundled(tmp_path / "route_table.json")


def test_a_new_table_takes_over_and_an_invalid_one_leaves_the_last_good_one() -> None:
    source = LastGood(table())
    newer = table_document(added=route("e", candidate("primary", "m")))
    assert "added" in source.offer(json.dumps(newer)).routes
    for refused in ("{", json.dumps(table_document() | {"version": 3})):
        with pytest.raises(RouteTableError):
            source.offer(refused)
    assert "added" in source.current().routes


def test_the_table_of_another_environment_is_not_taken() -> None:
    source = LastGood(table())
    with pytest.raises(RouteTableError, match="this router serves 'test'"):
        source.offer(json.dumps(table_document() | {"environment": "production"}))
    assert source.current().environment == "test"
