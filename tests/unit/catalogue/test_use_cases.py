"""The five use cases, the environments, and the catalogue in memory."""

from __future__ import annotations

import pytest

from endpoints.catalogue import CandidateRole, Catalogue, load_catalogue
from endpoints.errors import CatalogueError

TABLE = [
    ("query-enhancement", 100, "Llama-3.1-8B-Instruct", "ml.g5.xlarge", "Mistral-7B-Instruct-v0.3"),
    ("behavioral-analysis", 800, "Llama-3.1-70B-Instruct", "ml.g5.12xlarge", "Mixtral-8x7B-Instruct-v0.1"),
    ("market-intelligence", 500, "Llama-3.1-8B-Instruct", "ml.g5.2xlarge", "Qwen2.5-7B-Instruct"),
    ("job-parsing", 150, "Llama-3.1-8B-Instruct", "ml.g5.xlarge", "Phi-3-medium-4k-instruct"),
    ("explanation-generation", 200, "Llama-3.1-8B-Instruct", "ml.g5.xlarge", "Mistral-7B-Instruct-v0.3"),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_use_cases_are_those_of_the_source_document(catalogue: Catalogue) -> None:
    found = []
    for use_case in catalogue.use_cases:
        primary = use_case.candidate(CandidateRole.PRIMARY)
        alternative = use_case.candidate(CandidateRole.ALTERNATIVE)
        names = [candidate.model_id.partition("/")[2] for candidate in (primary, alternative)]
        found.append((use_case.id, use_case.latency_target_ms, names[0], primary.instance_type, names[1]))
    assert found == TABLE


def test_large_models_run_as_the_forms_that_fit(catalogue: Catalogue) -> None:
    use_case = catalogue.use_case("behavioral-analysis")
    weights = [candidate.weights_id for candidate in use_case.candidates]
    assert weights == [
        "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4",
        "casperhansen/mixtral-instruct-awq",
    ]
    assert [candidate.gpu_count for candidate in use_case.candidates] == [4, 4]


def test_the_longest_answer_fits_beside_the_longest_prompt(catalogue: Catalogue) -> None:
    for use_case in catalogue.use_cases:
        for candidate in use_case.candidates:
            room = candidate.max_total_tokens - candidate.max_input_tokens
            assert room >= use_case.limits.max_output_tokens, (use_case.id, candidate.role)


def test_a_prompt_that_the_primary_takes_is_taken_by_the_alternative(catalogue: Catalogue) -> None:
    """Otherwise the router would fall over to a model that refuses the request."""
    for use_case in catalogue.use_cases:
        assert len({candidate.max_input_tokens for candidate in use_case.candidates}) == 1, use_case.id


def test_the_scaling_target_leaves_the_headroom_free(catalogue: Catalogue) -> None:
    scaling = catalogue.use_case("behavioral-analysis").scaling
    assert (scaling.requests_in_flight_per_instance, scaling.headroom_percent) == (12, 30)
    assert scaling.target_concurrency == pytest.approx(8.4)


def test_the_environments(catalogue: Catalogue) -> None:
    assert [environment.name for environment in catalogue.environments] == [
        "local",
        "sandbox",
        "staging",
        "production",
    ]
    assert catalogue.environment("sandbox").roles == (CandidateRole.PRIMARY,)
    production = catalogue.environment("production")
    assert production.retain_data
    assert production.instances[CandidateRole.PRIMARY].min == 2
    assert not any(catalogue.environment(name).retain_data for name in ("local", "sandbox"))


def test_the_router_outlives_every_deadline(catalogue: Catalogue) -> None:
    longest_ms = max(use_case.limits.timeout_ms for use_case in catalogue.use_cases)
    assert all(environment.router.timeout_s * 1000 > longest_ms for environment in catalogue.environments)


def test_a_missing_role_says_which_there_are(catalogue: Catalogue) -> None:
    use_case = catalogue.use_cases[0]
    alone = use_case.model_copy(update={"candidates": use_case.candidates[:1]})
    with pytest.raises(CatalogueError, match="It has: primary"):
        alone.candidate(CandidateRole.ALTERNATIVE)


@pytest.mark.parametrize("lookup", ["use_case", "instance", "environment", "container", "model"])
def test_unknown_names_are_errors_that_say_what_is_known(catalogue: Catalogue, lookup: str) -> None:
    with pytest.raises(CatalogueError, match=r"Known: |Did you mean: "):
        getattr(catalogue, lookup)("no such thing")


def test_a_catalogue_with_other_use_cases_finds_them_and_forgets_the_old(catalogue: Catalogue) -> None:
    assert catalogue.use_case("job-parsing")  # the index of the original exists
    template = catalogue.use_cases[0]
    many = catalogue.with_use_cases(
        template.model_copy(update={"id": f"use-case-{number}"}) for number in range(500)
    )
    assert many.use_case("use-case-499").id == "use-case-499"
    assert many.model(template.candidates[0].model_id) is catalogue.model(template.candidates[0].model_id)
    with pytest.raises(CatalogueError):
        many.use_case("job-parsing")
    assert catalogue.use_case("job-parsing").id == "job-parsing"


def test_the_catalogue_is_read_once() -> None:
    assert load_catalogue() is load_catalogue()
