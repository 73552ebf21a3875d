"""What the engines' launchers refuse at start, in their words."""

from __future__ import annotations

import pytest

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.local.model_server.container import ContainerDefinition, Containers, launch
from endpoints.local.model_server.errors import OverloadedError
from endpoints.local.model_server.limits import LaunchRefusedError, Limits, ServingEngine
from endpoints.serving import container_environment

MODEL = {"HF_MODEL_ID": "/opt/ml/model"}


def limits_of(environment: dict[str, str], image: str = "tgi:3.3.6", data: str | None = None) -> Limits:
    definition = ContainerDefinition(image=image, environment=environment, model_data_url=data)
    return launch(definition, model_window=32768)


def test_tgi_takes_its_limits_from_the_environment() -> None:
    limits = limits_of({**MODEL, "MAX_INPUT_TOKENS": "3072", "MAX_TOTAL_TOKENS": "4096"})
    assert (limits.max_input_tokens, limits.max_total_tokens) == (3072, 4096)
    assert limits.engine is ServingEngine.TGI


def test_tgi_defaults_fit_the_model() -> None:
    definition = ContainerDefinition(image="tgi", environment=MODEL)
    assert launch(definition, model_window=2048).max_total_tokens == 2048
    assert launch(definition, model_window=32768).max_total_tokens == 4096


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "HF_MODEL_ID must be set"),
        (
            {**MODEL, "MAX_INPUT_TOKENS": "4096", "MAX_TOTAL_TOKENS": "4096"},
            "`max_input_tokens`(4096) must be < `max_total_tokens`(4096)",
        ),
        (
            {**MODEL, "MAX_TOTAL_TOKENS": "many"},
            "error: invalid value 'many' for '--max-total-tokens <MAX_TOTAL_TOKENS>': "
            "invalid digit found in string",
        ),
        (
            {**MODEL, "MAX_CONCURRENT_REQUESTS": ""},
            "'--max-concurrent-requests <MAX_CONCURRENT_REQUESTS>': cannot parse integer from empty string",
        ),
        ({**MODEL, "HF_MODEL_QUANTIZE": "int3"}, "error: invalid value 'int3' for '--quantize <QUANTIZE>'"),
        ({**MODEL, "SM_NUM_GPUS": "0"}, "`num_shard` cannot be < 1"),
        (
            {**MODEL, "MAX_INPUT_TOKENS": "1", "MAX_INPUT_LENGTH": "1"},
            "Both `max_input_tokens` (1) and `max_input_length` (1) are set.",
        ),
        (
            {**MODEL, "MAX_TOTAL_TOKENS": "4096", "MAX_BATCH_TOTAL_TOKENS": "4000"},
            "`max_total_tokens` must be <= `max_batch_total_tokens`. Given: 4096 and 4000",
        ),
    ],
)
def test_tgi_refuses(environment: dict[str, str], words: str) -> None:
    with pytest.raises(LaunchRefusedError) as caught:
        limits_of(environment)
    assert words in str(caught.value)


def test_vllm_takes_its_window_from_the_environment() -> None:
    limits = limits_of({"SM_VLLM_MODEL": "/opt/ml/model", "SM_VLLM_MAX_MODEL_LEN": "8k"})
    assert limits.engine is ServingEngine.VLLM
    assert limits.max_total_tokens == 8000


def test_vllm_finds_a_mounted_model_by_itself() -> None:
    assert limits_of({}, image="vllm:0.11", data="s3://bucket/model/").engine is ServingEngine.VLLM


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "No model specified"),
        (
            {"SM_VLLM_TENSOR_PARALLEL_SIZE": "two"},
            "argument --tensor-parallel-size: invalid int value: 'two'",
        ),
        ({"SM_VLLM_MAX_MODEL_LEN": "long"}, "invalid human_readable_int value: 'long'"),
        ({"SM_VLLM_QUANTIZATION": "int3"}, "Unknown quantization method: int3"),
        (
            {"SM_VLLM_ENABLE_AUTO_TOOL_CHOICE": "true"},
            "--enable-auto-tool-choice requires --tool-call-parser",
        ),
        ({"SM_VLLM_GPU_MEMORY_UTILIZATION": "1.5"}, "GPU memory utilization must be less than 1.0"),
    ],
)
def test_vllm_refuses(environment: dict[str, str], words: str) -> None:
    model = {"SM_VLLM_MODEL": "/opt/ml/model"} if environment else {}
    with pytest.raises(LaunchRefusedError) as caught:
        limits_of({**model, **environment}, image="vllm:0.11")
    assert words in str(caught.value)


def test_every_candidate_of_the_catalogue_starts() -> None:
    catalogue = load_catalogue()
    for use_case in catalogue.use_cases:
        for role in CandidateRole:
            candidate = use_case.candidate(role)
            limits = limits_of(container_environment(candidate), image=candidate.engine.value)
            assert limits.max_total_tokens == candidate.max_total_tokens


def test_a_refused_container_is_not_registered() -> None:
    containers = Containers(model_window=4096)
    with pytest.raises(LaunchRefusedError):
        containers.register("a", ContainerDefinition(image="tgi", environment={}))
    assert containers.get("a") is None


def test_a_container_takes_as_many_requests_as_its_environment_says() -> None:
    containers = Containers(model_window=4096)
    environment = {**MODEL, "MAX_CONCURRENT_REQUESTS": "1"}
    containers.register("a", ContainerDefinition(image="tgi", environment=environment))
    container = containers.get("a")
    assert container is not None
    with container.permit(), pytest.raises(OverloadedError), container.permit():
        pass
    with container.permit():  # the place is free again
        assert container.in_flight == 1
