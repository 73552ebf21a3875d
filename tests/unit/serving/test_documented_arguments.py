"""Every variable that a container gets is one that its launcher documents, with a value that it allows.

TGI: the launcher's reference (docs/source/reference/launcher.md of huggingface/text-generation-inference, read at
commit 032fc4c4; v3.3.6 is the last release that changed arguments) and the SageMaker entry point of its image.
"""

from __future__ import annotations

import itertools

import pytest

from endpoints.catalogue import Engine, KvCacheDtype, Quantisation, load_catalogue
from endpoints.serving import container_environment
from endpoints.serving.tgi import DTYPES, TgiSettings
from endpoints.serving.vllm import VllmSettings

LAUNCHER = {
    *("MODEL_ID", "REVISION", "VALIDATION_WORKERS", "SHARDED", "NUM_SHARD", "QUANTIZE", "SPECULATE", "DTYPE"),
    *("KV_CACHE_DTYPE", "TRUST_REMOTE_CODE", "MAX_CONCURRENT_REQUESTS", "MAX_BEST_OF", "MAX_STOP_SEQUENCES"),
    *("MAX_TOP_N_TOKENS", "MAX_INPUT_TOKENS", "MAX_INPUT_LENGTH", "MAX_TOTAL_TOKENS", "WAITING_SERVED_RATIO"),
    *("MAX_BATCH_PREFILL_TOKENS", "MAX_BATCH_TOTAL_TOKENS", "MAX_WAITING_TOKENS", "MAX_BATCH_SIZE"),
    *("CUDA_GRAPHS", "CUDA_MEMORY_FRACTION", "ROPE_SCALING", "ROPE_FACTOR", "JSON_OUTPUT"),
}
SAGEMAKER_ENTRY_POINT = {
    "HF_MODEL_ID": "MODEL_ID",
    "HF_MODEL_REVISION": "REVISION",
    "SM_NUM_GPUS": "NUM_SHARD",
    "HF_MODEL_QUANTIZE": "QUANTIZE",
    "HF_MODEL_TRUST_REMOTE_CODE": "TRUST_REMOTE_CODE",
}
LIBRARY = {"HF_HUB_OFFLINE"}  # huggingface_hub's own
ALLOWED_VALUES = {
    "DTYPE": {"float16", "bfloat16"},
    "KV_CACHE_DTYPE": {"fp8_e4m3fn", "fp8_e5m2"},
    "QUANTIZE": {
        *("awq", "compressed-tensors", "eetq", "exl2", "gptq", "marlin", "bitsandbytes"),
        *("bitsandbytes-nf4", "bitsandbytes-fp4", "fp8"),
    },
}
EVERYTHING = [
    TgiSettings(
        model=model,
        revision=revision,
        max_input_tokens=1024,
        max_total_tokens=2048,
        max_batch_prefill_tokens=4096,
        max_batch_total_tokens=8192,
        quantisation=quantisation,
        kv_cache_dtype=kv_cache_dtype,
        cuda_memory_fraction=0.9,
        dtype=dtype if quantisation is Quantisation.NONE else None,
        trust_remote_code=True,
    )
    for (model, revision), quantisation, kv_cache_dtype, dtype in itertools.product(
        [("/opt/ml/model", None), ("owner/name", "0" * 40)], Quantisation, KvCacheDtype, DTYPES
    )
]


def _arguments(environment: dict[str, str]) -> dict[str, str]:
    """Launcher arguments, under the launcher's own names."""
    return {
        SAGEMAKER_ENTRY_POINT.get(name, name): value
        for name, value in environment.items()
        if name not in LIBRARY
    }


@pytest.mark.parametrize("settings", EVERYTHING, ids=str)
def test_every_tgi_setting_is_a_documented_argument_with_an_allowed_value(settings: TgiSettings) -> None:
    arguments = _arguments(settings.to_environment())

    assert arguments.keys() <= LAUNCHER
    for name, value in arguments.items():
        assert value in ALLOWED_VALUES.get(name, {value})


def test_every_candidate_of_the_catalogue_says_only_what_its_launcher_documents() -> None:
    for use_case in load_catalogue().use_cases:
        for candidate in use_case.candidates:
            environment = container_environment(candidate)
            if candidate.engine is Engine.TGI:
                assert _arguments(environment).keys() <= LAUNCHER
            else:
                assert all(name in LIBRARY or name.startswith("SM_VLLM_") for name in environment)


# `vllm serve` arguments (docs.vllm.ai, "Engine Arguments"); the image turns SM_VLLM_NAME into --name.
VLLM_ARGUMENTS = {
    *("model", "served-model-name", "revision", "tensor-parallel-size", "max-model-len", "max-num-seqs"),
    *("gpu-memory-utilization", "quantization", "dtype", "kv-cache-dtype", "max-num-batched-tokens"),
    *("enable-auto-tool-choice", "tool-call-parser"),
}


@pytest.mark.parametrize("kv_cache_dtype", KvCacheDtype)
def test_every_vllm_setting_is_a_documented_argument(kv_cache_dtype: KvCacheDtype) -> None:
    settings = VllmSettings(
        model="owner/name",
        revision="0" * 40,
        served_name="name",
        max_total_tokens=4096,
        max_sequences=16,
        max_batched_tokens=8192,
        quantisation=Quantisation.BITSANDBYTES_NF4,
        kv_cache_dtype=kv_cache_dtype,
        dtype="bfloat16",
        tool_call_parser="hermes",
    )

    names = {name.removeprefix("SM_VLLM_").lower().replace("_", "-") for name in settings.to_environment()}
    assert names <= VLLM_ARGUMENTS
