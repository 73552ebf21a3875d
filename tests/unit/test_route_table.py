"""The route table: the JSON that the router reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endpoints.catalogue import CandidateRole, Catalogue, load_catalogue
from endpoints.catalogue.schema import Engine, Requirements, Routing, UseCase
from endpoints.catalogue.schema.routing import Experiment, Shadow
from endpoints.errors import CatalogueError
from endpoints.route_table import render_route_table

PRIMARY, ALTERNATIVE = CandidateRole.PRIMARY, CandidateRole.ALTERNATIVE


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def rendered(catalogue: Catalogue, environment: str) -> dict[str, Any]:
    """As it travels."""
    table = json.loads(json.dumps(render_route_table(catalogue, catalogue.environment(environment))))
    assert isinstance(table, dict)
    return table


def with_routing(catalogue: Catalogue, use_case: str, routing: Routing) -> Catalogue:
    def changed(each: UseCase) -> UseCase:
        return each.model_copy(update={"routing": routing}) if each.id == use_case else each

    return catalogue.with_use_cases(changed(each) for each in catalogue.use_cases)


def test_a_use_case_has_its_endpoint_limits_and_treatment(catalogue: Catalogue) -> None:
    table = rendered(catalogue, "local")
    assert (table["version"], table["environment"]) == (2, "local")
    assert set(table["use_cases"]) == {use_case.id for use_case in catalogue.use_cases}
    use_case = table["use_cases"]["query-enhancement"]
    del use_case["candidates"]
    assert use_case == {
        "endpoint_name": "adept-local-query-enhancement",
        "limits": {
            "max_body_bytes": 262144,
            "max_messages": 64,
            "max_output_tokens": 1024,
            "timeout_ms": 25000,
        },
        "requests_in_flight": 7,
        "streams": {"timeout_ms": 300_000, "first_token_ms": 10_000, "idle_ms": 15_000},
        "retries": {"per_candidate": 2, "base_ms": 100, "cap_ms": 2_000},
        "breaker": {
            "window_s": 30,
            "min_requests": 4,
            "failure_percent": 50.0,
            "open_s": 5,
            "max_open_s": 60,
        },
        "hedging": None,
        "experiment": None,
        "shadow": None,
        "require": {"licence": None, "languages": [], "context_tokens": None, "structured_output": False},
        "log_text": False,
    }


def test_a_candidate_has_the_facts_that_it_is_chosen_by(catalogue: Catalogue) -> None:
    primary, alternative = rendered(catalogue, "local")["use_cases"]["query-enhancement"]["candidates"]
    assert primary == {
        "role": "primary",
        "variant": "primary",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "engine": "tgi",
        "max_input_tokens": 3072,
        "max_total_tokens": 4096,
        "tool_calls": True,
        "licence": "custom",
        "languages": ["de", "en", "es", "fr", "hi", "it", "pt", "th"],
        "multilingual": True,
        "structured_output": False,
        "usd_per_hour": catalogue.instance("ml.g5.xlarge").prices["us-east-1"].usd_per_hour,
    }
    assert (alternative["licence"], alternative["multilingual"]) == ("permissive", False)


@pytest.mark.parametrize(("parser", "calls"), [(None, False), ("hermes", True)])
def test_on_vllm_a_model_calls_tools_by_itself_only_with_its_parser(
    catalogue: Catalogue, parser: str | None, calls: bool
) -> None:
    def on_vllm(use_case: UseCase) -> UseCase:
        changes = {"engine": Engine.VLLM, "tool_call_parser": parser}
        candidates = [candidate.model_copy(update=changes) for candidate in use_case.candidates]
        return use_case.model_copy(update={"candidates": tuple(candidates)})

    changed = catalogue.with_use_cases(map(on_vllm, catalogue.use_cases))
    candidates = rendered(changed, "local")["use_cases"]["job-parsing"]["candidates"]
    assert {candidate["tool_calls"] for candidate in candidates} == {calls}


def test_a_quantised_form_is_no_more_permissive_than_its_model(catalogue: Catalogue) -> None:
    primary = rendered(catalogue, "local")["use_cases"]["behavioral-analysis"]["candidates"][0]
    assert primary["licence"] == "custom"


def test_only_deployed_candidates_are_routed_to(catalogue: Catalogue) -> None:
    table = rendered(catalogue, "sandbox")
    roles = {c["role"] for use_case in table["use_cases"].values() for c in use_case["candidates"]}
    assert roles == {"primary"}


def test_an_environment_leaves_out_what_concerns_candidates_that_it_lacks(catalogue: Catalogue) -> None:
    routing = Routing(
        shadow=Shadow(candidate=ALTERNATIVE, percent=5),
        experiment=Experiment(id="e1", salt="s", weights={PRIMARY: 90, ALTERNATIVE: 10}),
    )
    changed = with_routing(catalogue, "job-parsing", routing)
    here, there = (rendered(changed, name)["use_cases"]["job-parsing"] for name in ("sandbox", "staging"))
    assert (here["shadow"], here["experiment"]["weights"]) == (None, {"primary": 90})
    assert there["shadow"]["candidate"] == "alternative"
    assert there["experiment"]["weights"] == {"primary": 90, "alternative": 10}


def test_an_experiment_of_which_nothing_is_left_is_none(catalogue: Catalogue) -> None:
    routing = Routing(experiment=Experiment(id="e1", salt="s", weights={PRIMARY: 0, ALTERNATIVE: 10}))
    table = rendered(with_routing(catalogue, "job-parsing", routing), "sandbox")
    assert table["use_cases"]["job-parsing"]["experiment"] is None


def test_a_requirement_that_no_candidate_of_an_environment_meets_is_refused(catalogue: Catalogue) -> None:
    """Every request would be refused; better the deploy."""
    changed = with_routing(catalogue, "job-parsing", Routing(require=Requirements(licence="permissive")))
    rendered(changed, "staging")  # the alternative is
    with pytest.raises(CatalogueError, match="primary lacks license=permissive") as caught:
        rendered(changed, "sandbox")
    assert "Roles of this environment: primary" in (caught.value.remedy or "")
