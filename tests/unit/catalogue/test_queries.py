"""The source documents' selection criteria, asked of the catalogue."""

from __future__ import annotations

import pytest

from endpoints.catalogue import Budget, Catalogue, Engine, LicenceClass, ModelKind, Task, load_catalogue
from endpoints.catalogue.queries import (
    ModelQuery,
    find_models,
    latency_tier,
    models_for_latency,
    parameter_count,
    uses_of,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def names(catalogue: Catalogue, query: ModelQuery) -> set[str]:
    return {model.canonical_id for model in find_models(catalogue, query)}


def test_no_question_is_answered_by_every_model(catalogue: Catalogue) -> None:
    assert find_models(catalogue, ModelQuery()) == catalogue.models


def test_licence(catalogue: Catalogue) -> None:
    permissive = names(catalogue, ModelQuery(licence=LicenceClass.PERMISSIVE, kind=ModelKind.LISTED))
    assert {"mistralai/Mistral-7B-Instruct-v0.3", "microsoft/Phi-3-medium-4k-instruct"} <= permissive
    assert not {"meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen2.5-72B-Instruct"} & permissive


def test_unknown_answers_match_neither_way(catalogue: Catalogue) -> None:
    unknown = "Qwen/Qwen3.8-27B"  # no source says whether it is gated
    assert unknown not in names(catalogue, ModelQuery(gated=True))
    assert unknown not in names(catalogue, ModelQuery(gated=False))


def test_language(catalogue: Catalogue) -> None:
    german = names(catalogue, ModelQuery(language="de"))
    assert "meta-llama/Llama-3.1-8B-Instruct" in german  # the source document calls it English only
    assert "mistralai/Mistral-7B-Instruct-v0.3" not in german
    assert "Qwen/Qwen2.5-7B-Instruct" in names(catalogue, ModelQuery(multilingual=True))


def test_engine_and_size_together(catalogue: Catalogue) -> None:
    small_on_tgi = ModelQuery(engine=Engine.TGI, max_parameters=1_000_000_000)
    assert names(catalogue, small_on_tgi) == {"Qwen/Qwen2.5-0.5B-Instruct"}


@pytest.mark.parametrize(
    ("task", "model_id"),
    [
        (Task.STRUCTURED_OUTPUT, "microsoft/Phi-3-medium-4k-instruct"),
        (Task.COMPLEX_REASONING, "meta-llama/Llama-3.1-70B-Instruct"),
        (Task.FAST_PROCESSING, "mistralai/Mistral-7B-Instruct-v0.3"),
        (Task.EMBEDDINGS, "intfloat/e5-large-v2"),
        (Task.FINANCE, "ChanceFocus/finma-7b-nlp"),
    ],
)
def test_specialised_tasks(catalogue: Catalogue, task: Task, model_id: str) -> None:
    assert model_id in names(catalogue, ModelQuery(task=task))


def test_cost_classes(catalogue: Catalogue) -> None:
    assert names(catalogue, ModelQuery(budget=Budget.LOW)) == {
        "mistralai/Mistral-7B-Instruct-v0.3",
        "microsoft/Phi-3-medium-4k-instruct",
    }
    assert names(catalogue, ModelQuery(budget=Budget.BALANCED)) == {"meta-llama/Llama-3.1-8B-Instruct"}


@pytest.mark.parametrize(
    ("target_ms", "tier"), [(80, "low"), (100, "low"), (101, "medium"), (5_000, "high quality")]
)
def test_latency_tiers(target_ms: int, tier: str) -> None:
    assert latency_tier(target_ms).name == tier


def test_models_for_a_latency_are_text_models_of_the_tiers_size_largest_first(catalogue: Catalogue) -> None:
    models = models_for_latency(catalogue, 100)
    sizes = [parameter_count(model) or 0 for model in models]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= 9_000_000_000
    assert "meta-llama/Llama-3.1-8B-Instruct" in {model.canonical_id for model in models}
    assert not any(model.kind is ModelKind.EMBEDDING for model in models)


def test_where_a_model_serves_counts_its_quantised_form(catalogue: Catalogue) -> None:
    used = uses_of(catalogue, "meta-llama/Meta-Llama-3.1-70B-Instruct")
    assert [(use_case.id, candidate.priority) for use_case, candidate in used] == [("behavioral-analysis", 1)]
    assert uses_of(catalogue, "casperhansen/mixtral-instruct-awq")
    assert uses_of(catalogue, "google/flan-t5-base") == ()
