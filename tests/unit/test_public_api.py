"""The functions that the source documents promise, under the names and with the answers they promise."""

from __future__ import annotations

import subprocess
import sys

import pytest

import endpoints
from endpoints import ModelUseCase, get_huggingface_model_id, get_model_for_use_case
from endpoints.catalogue import load_catalogue
from endpoints.errors import CatalogueError


def test_the_members_are_the_catalogues_use_cases() -> None:
    assert [use_case.value for use_case in ModelUseCase] == [
        use_case.id for use_case in load_catalogue().use_cases
    ]


@pytest.mark.parametrize(
    ("use_case", "model_id"),
    [
        (ModelUseCase.QUERY_ENHANCEMENT, "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        (ModelUseCase.BEHAVIORAL_ANALYSIS, "meta-llama/Meta-Llama-3.1-70B-Instruct"),
        (ModelUseCase.MARKET_INTELLIGENCE, "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        (ModelUseCase.JOB_PARSING, "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        (ModelUseCase.EXPLANATION_GENERATION, "meta-llama/Meta-Llama-3.1-8B-Instruct"),
    ],
)
def test_the_primary_has_the_source_documents_name(use_case: ModelUseCase, model_id: str) -> None:
    assert get_huggingface_model_id(use_case) == model_id
    assert get_model_for_use_case(use_case).model_id == model_id


@pytest.mark.parametrize(
    ("use_case", "model_id"),
    [
        (ModelUseCase.QUERY_ENHANCEMENT, "mistralai/Mistral-7B-Instruct-v0.3"),
        (ModelUseCase.BEHAVIORAL_ANALYSIS, "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        (ModelUseCase.MARKET_INTELLIGENCE, "Qwen/Qwen2.5-7B-Instruct"),
        (ModelUseCase.JOB_PARSING, "microsoft/Phi-3-medium-4k-instruct"),
        (ModelUseCase.EXPLANATION_GENERATION, "mistralai/Mistral-7B-Instruct-v0.3"),
    ],
)
def test_priority_two_is_the_alternative(use_case: ModelUseCase, model_id: str) -> None:
    assert get_model_for_use_case(use_case, priority=2).model_id == model_id


def test_the_selection_knows_the_hubs_own_name_and_what_runs() -> None:
    selected = get_model_for_use_case(ModelUseCase.BEHAVIORAL_ANALYSIS)
    assert selected.canonical_id == "meta-llama/Llama-3.1-70B-Instruct"
    assert selected.candidate.weights_id == "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4"
    assert selected.facts.licence.gated is True


def test_an_unknown_priority_names_those_allowed() -> None:
    with pytest.raises(CatalogueError, match=r"Allowed: 1, 2\."):
        get_model_for_use_case(ModelUseCase.JOB_PARSING, priority=3)


def test_a_use_case_may_be_given_by_its_id_and_a_wrong_one_is_corrected() -> None:
    assert get_huggingface_model_id("job-parsing") == "meta-llama/Meta-Llama-3.1-8B-Instruct"
    with pytest.raises(CatalogueError, match="Did you mean: job-parsing"):
        get_huggingface_model_id("job-parse")


def test_the_package_offers_nothing_else() -> None:
    with pytest.raises(AttributeError):
        _ = endpoints.get_model


def test_importing_the_package_alone_reads_no_catalogue() -> None:
    """Model servers import it at every start."""
    code = (
        "import sys, endpoints; sys.exit('pydantic' in sys.modules or 'endpoints.catalogue' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
