"""The checks that TGI's entry point and launcher make before a container is up, in their words.

Source: text-generation-inference 3.3, sagemaker-entrypoint.sh and launcher/src/main.rs (clap's messages for values
that do not parse, `LauncherError::ArgumentValidation` for values that contradict each other).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endpoints.local.model_server.limits import LaunchRefusedError, Limits, ServingEngine

QUANTISATIONS: Final = (
    "awq",
    "compressed-tensors",
    "eetq",
    "exl2",
    "gptq",
    "marlin",
    "bitsandbytes",
    "bitsandbytes-nf4",
    "bitsandbytes-fp4",
    "fp8",
)
DTYPES: Final = ("float16", "bfloat16")
DEFAULT_MAX_TOKENS: Final = 4096  # what a 24 GB card is given when nothing is set and the model allows it
# The SageMaker entry point renames these before it calls the launcher.
RENAMED: Final = {
    "HF_MODEL_REVISION": "REVISION",
    "SM_NUM_GPUS": "NUM_SHARD",
    "HF_MODEL_QUANTIZE": "QUANTIZE",
}


def tgi_limits(environment: Mapping[str, str], *, model_window: int) -> Limits:
    """The limits a TGI container with this environment has. Raises `LaunchRefusedError` where TGI would exit.

    `model_window` is the model's own maximum of prompt and answer, in tokens.
    """
    if not environment.get("HF_MODEL_ID"):
        raise LaunchRefusedError("HF_MODEL_ID must be set")
    settings = _as_launcher_sees(environment)
    _check_choices(settings)
    _check_shards(settings)
    max_input = _max_input_tokens(settings)
    max_total = _integer(settings, "MAX_TOTAL_TOKENS")
    _check_consistent(settings, max_input, max_total)
    total = max_total or min(model_window, max(DEFAULT_MAX_TOKENS, (max_input or 0) + 1))
    defaults = Limits(ServingEngine.TGI, total, max_input or total - 1)
    return Limits(
        ServingEngine.TGI,
        max_total_tokens=defaults.max_total_tokens,
        max_input_tokens=defaults.max_input_tokens,
        max_concurrent_requests=_integer(settings, "MAX_CONCURRENT_REQUESTS")
        or defaults.max_concurrent_requests,
        max_stop_sequences=_integer(settings, "MAX_STOP_SEQUENCES") or defaults.max_stop_sequences,
        max_best_of=_integer(settings, "MAX_BEST_OF") or defaults.max_best_of,
        max_top_n_tokens=_integer(settings, "MAX_TOP_N_TOKENS") or defaults.max_top_n_tokens,
        max_client_batch_size=_integer(settings, "MAX_CLIENT_BATCH_SIZE") or defaults.max_client_batch_size,
        payload_limit_bytes=_integer(settings, "PAYLOAD_LIMIT") or defaults.payload_limit_bytes,
    )


def _as_launcher_sees(environment: Mapping[str, str]) -> dict[str, str]:
    renamed = {RENAMED[name]: value for name, value in environment.items() if name in RENAMED and value}
    return {**environment, **renamed}


def _integer(settings: Mapping[str, str], name: str) -> int | None:
    text = settings.get(name)
    if text is None:
        return None
    reason = _why_not_unsigned(text)
    if reason:
        option = name.lower().replace("_", "-")
        raise LaunchRefusedError(f"error: invalid value '{text}' for '--{option} <{name}>': {reason}")
    return int(text)


def _why_not_unsigned(text: str) -> str | None:
    """Rust's words for why this is not an unsigned integer."""
    if not text:
        return "cannot parse integer from empty string"
    return None if text.isascii() and text.isdigit() else "invalid digit found in string"


def _check_choices(settings: Mapping[str, str]) -> None:
    for name, choices in (("QUANTIZE", QUANTISATIONS), ("DTYPE", DTYPES)):
        value = settings.get(name)
        if value is not None and value not in choices:
            option = f"--{name.lower()} <{name}>"
            raise LaunchRefusedError(
                f"error: invalid value '{value}' for '{option}'\n  [possible values: {', '.join(choices)}]"
            )


def _check_shards(settings: Mapping[str, str]) -> None:
    shards = _integer(settings, "NUM_SHARD")
    if shards == 0:
        raise _contradiction("`num_shard` cannot be < 1")
    if shards is not None and shards > 1 and settings.get("QUANTIZE") == "exl2":
        raise _contradiction("Sharding is currently not supported with `exl2` quantization")


def _max_input_tokens(settings: Mapping[str, str]) -> int | None:
    tokens, length = _integer(settings, "MAX_INPUT_TOKENS"), _integer(settings, "MAX_INPUT_LENGTH")
    if tokens is not None and length is not None:
        raise _contradiction(
            f"Both `max_input_tokens` ({tokens}) and `max_input_length` ({length}) are set. Please define only "
            "`max_input_tokens` as `max_input_length is deprecated for naming consistency."
        )
    return length if tokens is None else tokens


def _check_consistent(settings: Mapping[str, str], max_input: int | None, max_total: int | None) -> None:
    if max_input is not None and max_total is not None and max_input >= max_total:
        raise _contradiction(f"`max_input_tokens`({max_input}) must be < `max_total_tokens`({max_total})")
    if _integer(settings, "VALIDATION_WORKERS") == 0:
        raise _contradiction("`validation_workers` must be > 0")
    _integer(settings, "MAX_BATCH_PREFILL_TOKENS")  # only that it parses: memory is not emulated
    batch_total = _integer(settings, "MAX_BATCH_TOTAL_TOKENS")
    if batch_total is not None and max_total is not None and max_total > batch_total:
        raise _contradiction(
            f"`max_total_tokens` must be <= `max_batch_total_tokens`. Given: {max_total} and {batch_total}"
        )


def _contradiction(reason: str) -> LaunchRefusedError:
    return LaunchRefusedError(f'Error: ArgumentValidation("{reason}")')
