"""Memory fit: everything in the catalogue fits, and what the source documents proposed does not."""

from __future__ import annotations

import pytest

from endpoints.catalogue import Candidate, Quantisation, UseCase, load_catalogue
from endpoints.errors import CatalogueError
from endpoints.sizing import MemoryFit, candidate_fit, memory_fit
from endpoints.sizing.memory import GIB, usable_bytes, weights_bytes

CATALOGUE = load_catalogue()
CANDIDATES = [(use_case, candidate) for use_case in CATALOGUE.use_cases for candidate in use_case.candidates]


def fit(model_id: str, quantisation: Quantisation, instance_type: str) -> MemoryFit:
    instance = CATALOGUE.instance(instance_type)
    model = CATALOGUE.model(model_id)
    return memory_fit(model, quantisation, instance.gpu, gpu_count=instance.gpu_count, tokens_needed=4096)


@pytest.mark.parametrize(
    ("use_case", "candidate"), CANDIDATES, ids=[f"{use_case.id}-{c.role}" for use_case, c in CANDIDATES]
)
def test_every_candidate_fits_with_all_its_requests_at_full_length(
    use_case: UseCase, candidate: Candidate
) -> None:
    result = candidate_fit(CATALOGUE, use_case, candidate)
    assert result.fits, f"{result.tokens_available} tokens of cache for {result.tokens_needed}"


@pytest.mark.parametrize(
    ("model_id", "instance_type"),
    [
        ("meta-llama/Meta-Llama-3.1-70B-Instruct", "ml.g5.12xlarge"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "ml.g5.12xlarge"),
        ("microsoft/Phi-3-medium-4k-instruct", "ml.g5.xlarge"),
    ],
)
def test_what_the_source_documents_proposed_does_not_fit_at_16_bits(
    model_id: str, instance_type: str
) -> None:
    result = fit(model_id, Quantisation.NONE, instance_type)
    assert not result.fits
    assert result.tokens_available == 0


def test_70b_at_16_bits_fits_eight_cards() -> None:
    assert fit("meta-llama/Llama-3.1-70B-Instruct", Quantisation.NONE, "ml.g5.48xlarge").fits


def test_70b_takes_141_gb_at_16_bits_and_its_awq_form_9_3_gib_of_each_of_four_cards() -> None:
    model = CATALOGUE.model("meta-llama/Llama-3.1-70B-Instruct")
    assert weights_bytes(model, Quantisation.NONE) == pytest.approx(141.1e9, rel=1e-3)
    awq = fit("hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4", Quantisation.AWQ, "ml.g5.12xlarge")
    assert awq.weights_bytes / GIB == pytest.approx(9.27, abs=0.01)
    assert awq.kv_bytes_per_token == 80 * 1024


def test_the_working_memory_agrees_with_what_tgi_reports_for_8b_on_a_24_gb_card() -> None:
    result = fit("meta-llama/Llama-3.1-8B-Instruct", Quantisation.NONE, "ml.g5.xlarge")
    assert result.tokens_available == pytest.approx(30_000, rel=0.15)


def test_8_and_4_bit_loading_leaves_embeddings_and_head_at_16_bits() -> None:
    model = CATALOGUE.model("microsoft/Phi-3-medium-4k-instruct")
    ends = 2 * 32064 * 5120
    inner = 13_960_238_080 - ends
    assert weights_bytes(model, Quantisation.EETQ) == 2 * ends + inner
    assert weights_bytes(model, Quantisation.BITSANDBYTES_NF4) == 2 * ends + 0.5625 * inner


def test_cards_beyond_the_key_value_heads_hold_copies() -> None:
    qwen = CATALOGUE.model("Qwen/Qwen2.5-7B-Instruct")  # 4 key-value heads
    gpu = CATALOGUE.instance("ml.g5.48xlarge").gpu
    per_card = [
        memory_fit(qwen, Quantisation.NONE, gpu, gpu_count=count, tokens_needed=1).kv_bytes_per_token
        for count in (1, 4, 8)
    ]
    assert per_card == [57344, 14336, 14336]


def test_a_card_nobody_measured_is_assumed_to_lose_as_much_as_the_a10g() -> None:
    l4 = CATALOGUE.instance("ml.g6.xlarge").gpu
    assert l4.usable_gib is None
    assert 0.97 < usable_bytes(l4) / (l4.memory_mib * 1024**2) < 0.98


def test_a_model_of_unknown_size_cannot_be_sized() -> None:
    with pytest.raises(CatalogueError, match=r"parameter count of Qwen/Qwen3\.6-27B is not known"):
        fit("Qwen/Qwen3.6-27B", Quantisation.NONE, "ml.g5.48xlarge")
