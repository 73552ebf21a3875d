"""The facts about models: complete, consistent, and right where the source documents were wrong."""

from __future__ import annotations

import re

import pytest

from endpoints.catalogue import (
    Catalogue,
    Engine,
    LicenceClass,
    ModelFacts,
    ModelKind,
    Support,
    load_catalogue,
)
from endpoints.errors import CatalogueError


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def models_with_layers() -> list[ModelFacts]:
    """Plain transformers: every layer caches keys and values of the same size."""
    exceptions = ("full_attention_layers", "global_layers")
    return [
        model
        for model in load_catalogue().models
        if model.architecture.kv_bytes_per_token_16bit is not None
        and not any(name in model.architecture.details for name in exceptions)
    ]


def test_every_model_of_the_facts_is_there(catalogue: Catalogue) -> None:
    kinds = [model.kind for model in catalogue.models]
    assert len(kinds) == 46
    assert kinds.count(ModelKind.EMBEDDING) == 4
    assert kinds.count(ModelKind.QUANTISED) == 5


def test_a_listed_name_and_the_canonical_name_mean_the_same_model(catalogue: Catalogue) -> None:
    listed = catalogue.model("meta-llama/Meta-Llama-3.1-8B-Instruct")
    assert listed is catalogue.model("meta-llama/Llama-3.1-8B-Instruct")
    assert listed.canonical_id == "meta-llama/Llama-3.1-8B-Instruct"
    assert catalogue.model("TheFinAI/finma-7b-nlp").canonical_id == "ChanceFocus/finma-7b-nlp"


def test_an_unknown_model_is_answered_with_the_closest_names(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match=re.escape("meta-llama/Llama-3.1-8B-Instruct")):
        catalogue.model("meta-lama/Llama-3.1-8b-instruct")


def test_every_model_but_one_has_a_pinned_commit(catalogue: Catalogue) -> None:
    unpinned = [model.model_id for model in catalogue.models if model.revision.sha is None]
    assert unpinned == ["FinGPT/fingpt-mt_llama2-7b_lora"]  # no source gives its full commit


@pytest.mark.parametrize("model", models_with_layers(), ids=lambda model: model.canonical_id)
def test_the_cache_per_token_follows_from_the_architecture(model: ModelFacts) -> None:
    a = model.architecture
    values = (a.layers or 0) * (a.kv_heads or 0) * (a.head_dim or 0)
    assert a.kv_bytes_per_token_16bit == 2 * 2 * values


def test_16_bit_weights_take_two_bytes_a_parameter(catalogue: Catalogue) -> None:
    checked = [model.parameters for model in catalogue.models if model.parameters.weights_gb_16bit]
    assert len(checked) == 30
    for parameters in checked:
        assert parameters.total is not None
        assert parameters.weights_gb_16bit == pytest.approx(parameters.total * 2 / 1e9, abs=0.01)


def test_every_quantised_form_says_what_it_is_a_form_of(catalogue: Catalogue) -> None:
    forms = [model for model in catalogue.models if model.kind is ModelKind.QUANTISED]
    for form in forms:
        assert form.quantised_form_of is not None
        base = catalogue.model(form.quantised_form_of)
        assert form in catalogue.quantised_forms(base.model_id)
        assert form.parameters.base_total == base.parameters.total
        assert form.download is not None


@pytest.mark.parametrize(
    ("model_id", "licence", "kind"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1", LicenceClass.CUSTOM),
        ("mistralai/Mistral-7B-Instruct-v0.3", "Apache-2.0", LicenceClass.PERMISSIVE),
        ("microsoft/Phi-3-medium-4k-instruct", "MIT", LicenceClass.PERMISSIVE),  # not Apache-2.0
        ("Qwen/Qwen2.5-7B-Instruct", "Apache-2.0", LicenceClass.PERMISSIVE),
        ("Qwen/Qwen2.5-72B-Instruct", "LicenseRef-qwen", LicenceClass.CUSTOM),  # not Apache-2.0
        ("ChanceFocus/finma-7b-nlp", "MIT", LicenceClass.CUSTOM),  # the base's terms bind too
        ("Qwen/Qwen3.8-27B", None, LicenceClass.UNKNOWN),
    ],
)
def test_licences(catalogue: Catalogue, model_id: str, licence: str | None, kind: LicenceClass) -> None:
    model = catalogue.model(model_id)
    assert (model.licence.id, model.licence.kind) == (licence, kind)


def test_what_no_source_says_is_null_and_not_zero(catalogue: Catalogue) -> None:
    model = catalogue.model("Qwen/Qwen3.6-35B-A3B")
    assert model.parameters.total is None
    assert model.architecture.layers is None
    assert model.languages.multilingual is None
    assert catalogue.model("google/flan-t5-base").support(Engine.TGI).level is Support.UNKNOWN


def test_tgi_serves_the_source_documents_models_and_not_the_new_architectures(catalogue: Catalogue) -> None:
    assert catalogue.model("meta-llama/Llama-3.1-70B-Instruct").support(Engine.TGI).level is Support.NATIVE
    assert catalogue.model("Qwen/Qwen3-8B").support(Engine.TGI).level is Support.FALLBACK
    assert catalogue.model("openai/gpt-oss-20b").support(Engine.TGI).level is Support.NO
    assert catalogue.model("Qwen/Qwen3.6-27B").support(Engine.VLLM).since_version == "0.17"


def test_records_cannot_be_changed(catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(catalogue.models[0], "kind", ModelKind.SUCCESSOR)  # noqa: B010  # mypy forbids the plain form


def test_a_model_can_be_printed_as_json(catalogue: Catalogue) -> None:
    dumped = catalogue.model("microsoft/Phi-3-medium-4k-instruct").model_dump(mode="json")
    assert dumped["licence"]["kind"] == "permissive"
    assert dumped["engines"]["tgi"]["level"] == "native"
