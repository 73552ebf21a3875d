"""Engine settings become documented environment variables, or an error that names every contradiction."""

from __future__ import annotations

import pytest

from endpoints.catalogue import CandidateRole, Engine, Quantisation, load_catalogue
from endpoints.errors import SettingsError
from endpoints.secret_shapes import looks_secret
from endpoints.serving import HubSource, TgiSettings, VllmSettings, container_environment

TGI_VARIABLES = {
    "HF_MODEL_ID",
    "HF_MODEL_REVISION",
    "HF_MODEL_QUANTIZE",
    "HF_MODEL_TRUST_REMOTE_CODE",
    "SM_NUM_GPUS",
    "HF_HUB_OFFLINE",
    "DTYPE",
    "MAX_INPUT_TOKENS",
    "MAX_TOTAL_TOKENS",
    "MAX_BATCH_PREFILL_TOKENS",
    "MAX_BATCH_TOTAL_TOKENS",
    "MAX_CONCURRENT_REQUESTS",
}


def test_a_quantised_candidate_over_four_cards() -> None:
    candidate = load_catalogue().use_case("behavioral-analysis").candidate(CandidateRole.PRIMARY)
    assert container_environment(candidate) == {
        "HF_MODEL_ID": "/opt/ml/model",
        "HF_MODEL_QUANTIZE": "awq",
        "HF_HUB_OFFLINE": "1",
        "SM_NUM_GPUS": "4",
        "MAX_INPUT_TOKENS": "6144",
        "MAX_TOTAL_TOKENS": "8192",
        "MAX_BATCH_PREFILL_TOKENS": "6144",
        "MAX_CONCURRENT_REQUESTS": "128",
    }


def test_16_bit_weights_are_not_announced_as_quantised() -> None:
    candidate = load_catalogue().use_case("query-enhancement").candidate(CandidateRole.PRIMARY)
    assert "HF_MODEL_QUANTIZE" not in container_environment(candidate)


def test_the_same_candidate_on_vllm_says_the_same_in_vllms_words() -> None:
    candidate = load_catalogue().use_case("behavioral-analysis").candidate(CandidateRole.PRIMARY)
    moved = candidate.model_copy(update={"engine": Engine.VLLM})
    assert container_environment(moved) == {
        "SM_VLLM_MODEL": "/opt/ml/model",
        "SM_VLLM_SERVED_MODEL_NAME": "meta-llama/Llama-3.1-70B-Instruct",
        "SM_VLLM_TENSOR_PARALLEL_SIZE": "4",
        "SM_VLLM_MAX_MODEL_LEN": "8192",
        "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.9",
        "HF_HUB_OFFLINE": "1",
    }


@pytest.mark.parametrize(
    ("engine", "model", "revision"),
    [(Engine.TGI, "HF_MODEL_ID", "HF_MODEL_REVISION"), (Engine.VLLM, "SM_VLLM_MODEL", "SM_VLLM_REVISION")],
)
def test_a_container_that_loads_from_the_hub_knows_the_commit_and_no_token(
    engine: Engine, model: str, revision: str
) -> None:
    candidate = load_catalogue().use_case("query-enhancement").candidate(CandidateRole.ALTERNATIVE)
    hub = HubSource(repository=candidate.weights_id, revision=candidate.revision)

    environment = container_environment(candidate.model_copy(update={"engine": engine}), hub)

    assert environment[model] == "mistralai/Mistral-7B-Instruct-v0.3"
    assert environment[revision] == candidate.revision
    assert not {"HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN"} & environment.keys()


def test_without_a_commit_a_container_loads_what_the_repository_holds_from_the_hub_that_was_named() -> None:
    candidate = load_catalogue().use_case("query-enhancement").candidate(CandidateRole.ALTERNATIVE)
    hub = HubSource(repository=candidate.weights_id, revision=None, url="https://hub.example.com")

    environment = container_environment(candidate, hub)

    assert "HF_MODEL_REVISION" not in environment
    assert environment["HF_ENDPOINT"] == "https://hub.example.com"


def test_every_candidate_reads_staged_weights_and_no_token() -> None:
    for use_case in load_catalogue().use_cases:
        for candidate in use_case.candidates:
            environment = container_environment(candidate)
            assert environment["HF_MODEL_ID"] == "/opt/ml/model"
            assert set(environment) <= TGI_VARIABLES
            assert not any("TOKEN" in name and not name.startswith("MAX_") for name in environment)
            assert not any(looks_secret(value) for value in environment.values())


def test_tgi_loads_from_the_hub_at_a_pinned_commit() -> None:
    environment = TgiSettings(
        model="Qwen/Qwen2.5-0.5B-Instruct",
        revision="7ae557604adf67be50417f59c2c2f167def9a775",
        max_input_tokens=512,
        max_total_tokens=1024,
        dtype="float16",
        trust_remote_code=True,
    ).to_environment()
    assert environment["HF_MODEL_REVISION"] == "7ae557604adf67be50417f59c2c2f167def9a775"
    assert environment["HF_MODEL_TRUST_REMOTE_CODE"] == "true"
    assert environment["DTYPE"] == "float16"
    assert "HF_HUB_OFFLINE" not in environment


def test_tgi_names_every_contradiction_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        TgiSettings(
            gpu_count=0,
            max_input_tokens=4096,
            max_total_tokens=4096,
            max_batch_prefill_tokens=1024,
            max_batch_total_tokens=2048,
            quantisation=Quantisation.EETQ,
            dtype="bfloat16",
            revision="main",
        )
    message = str(caught.value)
    for part in (
        "gpu_count is 0",
        "no token is left for an answer",
        "max_batch_prefill_tokens 1024 is below",
        "max_batch_total_tokens 2048 is below",
        "dtype and quantisation eetq are both set",
        "revision is set but",
    ):
        assert part in message


def test_tgi_refuses_unpinned_remote_code() -> None:
    with pytest.raises(SettingsError, match="trust_remote_code without a revision"):
        TgiSettings(model="someone/model", max_input_tokens=1, max_total_tokens=2, trust_remote_code=True)


def test_vllm_names_every_contradiction_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        VllmSettings(
            gpu_count=-1,
            max_total_tokens=0,
            gpu_memory_fraction=1.5,
            quantisation=Quantisation.EETQ,
            dtype="int4",
            revision="main",
        )
    assert len(str(caught.value).splitlines()) == 1 + 6


def test_vllm_lets_a_model_call_tools_by_itself_where_its_parser_is_known() -> None:
    """The image makes a bare flag of "true"; the parser alone would be ignored, the flag alone refused."""
    environment = VllmSettings(max_total_tokens=4096, tool_call_parser="hermes").to_environment()
    assert environment["SM_VLLM_ENABLE_AUTO_TOOL_CHOICE"] == "true"
    assert environment["SM_VLLM_TOOL_CALL_PARSER"] == "hermes"
    assert not [name for name in VllmSettings(max_total_tokens=4096).to_environment() if "TOOL" in name]


def test_vllm_quantises_on_load_by_flag_and_reads_stored_forms_from_the_config() -> None:
    on_load = VllmSettings(max_total_tokens=4096, quantisation=Quantisation.BITSANDBYTES_NF4)
    stored = VllmSettings(max_total_tokens=4096, quantisation=Quantisation.AWQ)
    assert on_load.to_environment()["SM_VLLM_QUANTIZATION"] == "bitsandbytes"
    assert "SM_VLLM_QUANTIZATION" not in stored.to_environment()


@pytest.mark.parametrize(
    ("model", "problem"),
    [("hf_" + "x" * 30, "looks like a secret"), ("someone/" + "m" * 1100, "SageMaker takes 1024")],
)
def test_what_sagemaker_would_show_or_refuse_never_leaves(model: str, problem: str) -> None:
    settings = TgiSettings(model=model, max_input_tokens=1, max_total_tokens=2)
    with pytest.raises(SettingsError, match=problem) as caught:
        settings.to_environment()
    assert model not in str(caught.value)
