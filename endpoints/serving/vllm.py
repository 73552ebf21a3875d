"""Settings of vLLM on SageMaker, and the environment variables that say them.

The image turns every SM_VLLM_NAME=value into `--name value` of `vllm serve`; nothing else reaches the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endpoints.catalogue.schema import Engine, KvCacheDtype, Quantisation
from endpoints.serving.settings import WEIGHTS_PATH, checked_environment, present, refuse

DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
QUANTISATION_FLAGS = {Quantisation.BITSANDBYTES_NF4: "bitsandbytes"}
"""Only what vLLM does while loading needs a flag; stored forms are read from config.json, kernel included."""

KV_CACHE_FLAGS = {KvCacheDtype.FP8_E4M3: "fp8_e4m3", KvCacheDtype.FP8_E5M2: "fp8_e5m2"}


@dataclass(frozen=True, kw_only=True)
class VllmSettings:
    """What one vLLM container serves and how much. `max_total_tokens` is prompt and answer of one request.

    Raises SettingsError, naming every contradiction, when it is made.
    """

    model: str = WEIGHTS_PATH
    served_name: str | None = None
    revision: str | None = None
    gpu_count: int = 1
    max_total_tokens: int
    max_sequences: int | None = None
    gpu_memory_fraction: float = 0.9
    max_batched_tokens: int | None = None
    quantisation: Quantisation = Quantisation.NONE
    kv_cache_dtype: KvCacheDtype = KvCacheDtype.AUTO
    dtype: str | None = None
    tool_call_parser: str | None = None

    def __post_init__(self) -> None:
        refuse(Engine.VLLM, self._contradictions())

    def to_environment(self) -> dict[str, str]:
        """The container's environment variables. Raises SettingsError when SageMaker would not take them."""
        return checked_environment(
            Engine.VLLM,
            present(
                {
                    "SM_VLLM_MODEL": self.model,
                    "SM_VLLM_SERVED_MODEL_NAME": self.served_name,
                    "SM_VLLM_REVISION": self.revision,
                    "SM_VLLM_TENSOR_PARALLEL_SIZE": self.gpu_count,
                    "SM_VLLM_MAX_MODEL_LEN": self.max_total_tokens,
                    "SM_VLLM_MAX_NUM_SEQS": self.max_sequences,
                    "SM_VLLM_GPU_MEMORY_UTILIZATION": self.gpu_memory_fraction,
                    "SM_VLLM_QUANTIZATION": QUANTISATION_FLAGS.get(self.quantisation),
                    "SM_VLLM_DTYPE": self.dtype,
                    "SM_VLLM_KV_CACHE_DTYPE": KV_CACHE_FLAGS.get(self.kv_cache_dtype),
                    "SM_VLLM_MAX_NUM_BATCHED_TOKENS": self.max_batched_tokens,
                    # The image makes a bare flag of "true".
                    "SM_VLLM_ENABLE_AUTO_TOOL_CHOICE": "true" if self.tool_call_parser else None,
                    "SM_VLLM_TOOL_CALL_PARSER": self.tool_call_parser,
                    "HF_HUB_OFFLINE": "1" if self._from_disk else None,
                }
            ),
        )

    @property
    def _from_disk(self) -> bool:
        return self.model.startswith("/")

    def _contradictions(self) -> Iterator[str]:
        counts = {
            "gpu_count": self.gpu_count,
            "max_total_tokens": self.max_total_tokens,
            "max_sequences": self.max_sequences,
            "max_batched_tokens": self.max_batched_tokens,
        }
        for name, value in counts.items():
            if value is not None and value < 1:
                yield f"{name} is {value}; at least 1"
        if not 0 < self.gpu_memory_fraction <= 1:
            yield f"gpu_memory_fraction is {self.gpu_memory_fraction}; above 0 and at most 1"
        if self.quantisation is Quantisation.EETQ:
            yield "quantisation is eetq; vLLM has no such kernels: use bitsandbytes-nf4 or a stored form"
        if self.dtype is not None and self.dtype not in DTYPES:
            yield f"dtype is {self.dtype!r}; allowed: {', '.join(DTYPES)}"
        if self.revision is not None and self._from_disk:
            yield f"revision is set but {self.model} is on disk: its commit was fixed when it was staged"
