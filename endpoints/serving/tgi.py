"""Settings of Text Generation Inference on SageMaker, and the environment variables that say them.

The image's entry point reads HF_MODEL_ID, HF_MODEL_REVISION, SM_NUM_GPUS, HF_MODEL_QUANTIZE and
HF_MODEL_TRUST_REMOTE_CODE; the rest is read by `text-generation-launcher` under the names in its reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endpoints.catalogue.schema import Engine, KvCacheDtype, Quantisation
from endpoints.serving.settings import WEIGHTS_PATH, checked_environment, present, refuse

DTYPES = ("float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class TgiSettings:
    """What one TGI container serves and how much. Token counts are per request unless the name says batch.

    Raises SettingsError, naming every contradiction, when it is made.
    """

    model: str = WEIGHTS_PATH
    revision: str | None = None
    gpu_count: int = 1
    max_input_tokens: int
    max_total_tokens: int
    max_batch_prefill_tokens: int | None = None
    max_batch_total_tokens: int | None = None
    max_concurrent_requests: int = 128
    quantisation: Quantisation = Quantisation.NONE
    kv_cache_dtype: KvCacheDtype = KvCacheDtype.AUTO
    cuda_memory_fraction: float | None = None
    dtype: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        refuse(Engine.TGI, self._contradictions())

    def to_environment(self) -> dict[str, str]:
        """The container's environment variables. Raises SettingsError when SageMaker would not take them."""
        return checked_environment(
            Engine.TGI,
            present(
                {
                    "HF_MODEL_ID": self.model,
                    "HF_MODEL_REVISION": self.revision,
                    "HF_MODEL_QUANTIZE": None
                    if self.quantisation is Quantisation.NONE
                    else self.quantisation,
                    "HF_MODEL_TRUST_REMOTE_CODE": "true" if self.trust_remote_code else None,
                    "HF_HUB_OFFLINE": "1" if self._from_disk else None,
                    "SM_NUM_GPUS": self.gpu_count,
                    "DTYPE": self.dtype,
                    "KV_CACHE_DTYPE": None
                    if self.kv_cache_dtype is KvCacheDtype.AUTO
                    else self.kv_cache_dtype,
                    "CUDA_MEMORY_FRACTION": self.cuda_memory_fraction,
                    "MAX_INPUT_TOKENS": self.max_input_tokens,
                    "MAX_TOTAL_TOKENS": self.max_total_tokens,
                    "MAX_BATCH_PREFILL_TOKENS": self.max_batch_prefill_tokens,
                    "MAX_BATCH_TOTAL_TOKENS": self.max_batch_total_tokens,
                    "MAX_CONCURRENT_REQUESTS": self.max_concurrent_requests,
                }
            ),
        )

    @property
    def _from_disk(self) -> bool:
        return self.model.startswith("/")

    def _contradictions(self) -> Iterator[str]:
        yield from self._count_contradictions()
        yield from self._token_contradictions()
        if self.cuda_memory_fraction is not None and not 0 < self.cuda_memory_fraction <= 1:
            yield f"cuda_memory_fraction is {self.cuda_memory_fraction}; above 0 and at most 1"
        if self.dtype is not None and self.dtype not in DTYPES:
            yield f"dtype is {self.dtype!r}; allowed: {', '.join(DTYPES)}"
        if self.dtype is not None and self.quantisation is not Quantisation.NONE:
            yield f"dtype and quantisation {self.quantisation} are both set; TGI takes one of them"
        if self.revision is not None and self._from_disk:
            yield f"revision is set but {self.model} is on disk: its commit was fixed when it was staged"
        if self.trust_remote_code and not self._from_disk and self.revision is None:
            yield "trust_remote_code without a revision runs whatever the repository holds that day"

    def _count_contradictions(self) -> Iterator[str]:
        counts = {
            "gpu_count": self.gpu_count,
            "max_input_tokens": self.max_input_tokens,
            "max_concurrent_requests": self.max_concurrent_requests,
        }
        for name, value in counts.items():
            if value < 1:
                yield f"{name} is {value}; at least 1"

    def _token_contradictions(self) -> Iterator[str]:
        if self.max_input_tokens >= self.max_total_tokens:
            yield (
                f"max_input_tokens {self.max_input_tokens} is not below max_total_tokens "
                f"{self.max_total_tokens}: no token is left for an answer"
            )
        prefill, total = self.max_batch_prefill_tokens, self.max_batch_total_tokens
        if prefill is not None and prefill < self.max_input_tokens:
            yield f"max_batch_prefill_tokens {prefill} is below max_input_tokens {self.max_input_tokens}"
        if total is not None and total < self.max_total_tokens:
            yield f"max_batch_total_tokens {total} is below max_total_tokens {self.max_total_tokens}"
        if prefill is not None and total is not None and prefill > total:
            yield f"max_batch_prefill_tokens {prefill} is above max_batch_total_tokens {total}"
