"""The checks that the SageMaker vLLM image makes before a container is up.

The image turns SM_VLLM_<NAME> into `--<name>` of `vllm serve`; argparse refuses what does not parse. Options that
do not matter here are passed over. Source: vLLM's examples/online_serving/sagemaker-entrypoint.sh and
vllm/engine/arg_utils.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endpoints.local.model_server.limits import LaunchRefusedError, Limits, ServingEngine

PREFIX: Final = "SM_VLLM_"
COUNTS: Final = ("TENSOR_PARALLEL_SIZE", "PIPELINE_PARALLEL_SIZE", "MAX_NUM_SEQS", "MAX_NUM_BATCHED_TOKENS")
HUMAN_SIZES: Final = {"k": 1000, "m": 1000**2, "K": 1024, "M": 1024**2}
QUANTISATIONS: Final = (
    "awq",
    "awq_marlin",
    "bitsandbytes",
    "compressed-tensors",
    "experts_int8",
    "fbgemm_fp8",
    "fp8",
    "gguf",
    "gptq",
    "gptq_marlin",
    "modelopt",
    "modelopt_fp4",
    "moe_wna16",
    "torchao",
)


def vllm_limits(environment: Mapping[str, str], *, model_window: int, has_model_data: bool) -> Limits:
    """The limits a vLLM container with this environment has. Raises `LaunchRefusedError` where vLLM would exit.

    `has_model_data` says whether SageMaker would mount a model under /opt/ml/model.
    """
    settings = {
        name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)
    }
    if not (settings.get("MODEL") or environment.get("HF_MODEL_ID") or has_model_data):
        raise LaunchRefusedError(
            "No model specified. Set SM_VLLM_MODEL, HF_MODEL_ID, or mount a model to /opt/ml/model."
        )
    for name in COUNTS:
        _positive(settings, name)
    _check_memory_share(settings)
    _check_quantisation(settings)
    calls_tools = _flag(settings, "ENABLE_AUTO_TOOL_CHOICE")
    if calls_tools and not settings.get("TOOL_CALL_PARSER"):
        raise LaunchRefusedError("TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser")
    window = _window(settings, model_window)
    return Limits(
        ServingEngine.VLLM,
        max_total_tokens=window,
        max_input_tokens=window - 1,
        max_top_n_tokens=20,  # --max-logprobs
        calls_tools_by_itself=calls_tools,
    )


def _flag(settings: Mapping[str, str], name: str) -> bool:
    """The image makes a bare flag of "true" and leaves "false" out."""
    return settings.get(name, "false").lower() == "true"


def _option(name: str) -> str:
    return f"--{name.lower().replace('_', '-')}"


def _refused(name: str, reason: str) -> LaunchRefusedError:
    return LaunchRefusedError(f"vllm serve: error: argument {_option(name)}: {reason}")


def _positive(settings: Mapping[str, str], name: str) -> None:
    text = settings.get(name)
    if text is not None and (not text.isascii() or not text.isdigit() or int(text) == 0):
        raise _refused(name, f"invalid int value: '{text}'")


def _window(settings: Mapping[str, str], model_window: int) -> int:
    text = settings.get("MAX_MODEL_LEN")
    if text is None:
        return model_window
    scale = HUMAN_SIZES.get(text[-1:], 1)
    digits = text[:-1] if scale != 1 else text
    if not digits.isascii() or not digits.isdigit() or int(digits) == 0:
        raise _refused("MAX_MODEL_LEN", f"invalid human_readable_int value: '{text}'")
    return int(digits) * scale


def _check_memory_share(settings: Mapping[str, str]) -> None:
    text = settings.get("GPU_MEMORY_UTILIZATION")
    if text is None:
        return
    try:
        share = float(text)
    except ValueError:
        raise _refused("GPU_MEMORY_UTILIZATION", f"invalid float value: '{text}'") from None
    if not 0 < share <= 1:
        raise LaunchRefusedError(f"ValueError: GPU memory utilization must be less than 1.0. Got {share}.")


def _check_quantisation(settings: Mapping[str, str]) -> None:
    method = settings.get("QUANTIZATION")
    if method is not None and method not in QUANTISATIONS:
        raise LaunchRefusedError(
            f"ValueError: Unknown quantization method: {method}. Must be one of {list(QUANTISATIONS)}."
        )
