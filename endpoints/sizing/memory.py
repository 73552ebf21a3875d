"""Does it fit? Weights, working memory and key-value cache against the memory of each card. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from endpoints.catalogue import Candidate, Catalogue, Gpu, KvCacheDtype, ModelFacts, Quantisation, UseCase
from endpoints.errors import CatalogueError

N = TypeVar("N", int, float)

GIB = 1024**3
MIB = 1024**2
BYTES_16BIT = 2

USABLE_SHARE = 21.99 * 1024 / 23028
"""What PyTorch could allocate of what nvidia-smi shows on the A10G; assumed for cards nobody measured."""

WORKING_BYTES_PER_GPU = 3 * GIB
"""Activations of a prefill, CUDA graphs, and what the engine leaves unused. Chosen so that Llama 3.1 8B on a
24 GB card has about the 30,000 tokens that TGI reports for it (its documentation, "TGI v3 overview")."""

BYTES_PER_WEIGHT = {
    Quantisation.NONE: 2.0,
    Quantisation.EETQ: 1.0,  # int8, one scale per output column
    Quantisation.BITSANDBYTES_NF4: 0.5 + 4 / 64,  # 4 bits, one 32-bit scale per block of 64
}

KV_SHARE_OF_16BIT = {KvCacheDtype.AUTO: 1.0, KvCacheDtype.FP8_E4M3: 0.5, KvCacheDtype.FP8_E5M2: 0.5}


@dataclass(frozen=True)
class MemoryFit:
    """The memory of one card, in bytes, and the tokens of cache that all cards together can hold."""

    usable_bytes: float
    weights_bytes: float
    working_bytes: float
    kv_bytes_per_token: float
    tokens_needed: int

    @property
    def free_bytes(self) -> float:
        """Left for the key-value cache; negative when the weights alone are too large."""
        return self.usable_bytes - self.weights_bytes - self.working_bytes

    @property
    def tokens_available(self) -> int:
        """Tokens of key-value cache that there is room for."""
        return max(0, int(self.free_bytes // self.kv_bytes_per_token))

    @property
    def fits(self) -> bool:
        """True when there is room for the tokens that were asked for."""
        return self.tokens_available >= self.tokens_needed


def memory_fit(
    weights: ModelFacts,
    quantisation: Quantisation,
    gpu: Gpu,
    *,
    gpu_count: int,
    tokens_needed: int,
    kv_cache_dtype: KvCacheDtype = KvCacheDtype.AUTO,
) -> MemoryFit:
    """How `weights` and a cache of `tokens_needed` fit `gpu_count` cards, tensor parallel.

    Raises CatalogueError when the catalogue does not know what this takes.
    """
    return MemoryFit(
        usable_bytes=usable_bytes(gpu),
        weights_bytes=weights_bytes(weights, quantisation) / gpu_count,
        working_bytes=WORKING_BYTES_PER_GPU,
        kv_bytes_per_token=kv_bytes_per_token(weights, gpu_count) * KV_SHARE_OF_16BIT[kv_cache_dtype],
        tokens_needed=tokens_needed,
    )


def candidate_fit(catalogue: Catalogue, use_case: UseCase, candidate: Candidate) -> MemoryFit:
    """How a candidate fits its instance when every request in flight has its full length."""
    return memory_fit(
        catalogue.model(candidate.weights_id),
        candidate.quantisation,
        catalogue.instance(candidate.instance_type).gpu,
        gpu_count=candidate.gpu_count,
        tokens_needed=use_case.scaling.requests_in_flight_per_instance * candidate.max_total_tokens,
        kv_cache_dtype=candidate.kv_cache_dtype,
    )


def usable_bytes(gpu: Gpu) -> float:
    """What a process can allocate on one card."""
    if gpu.usable_gib is not None:
        return gpu.usable_gib * GIB
    return gpu.memory_mib * MIB * USABLE_SHARE


def weights_bytes(weights: ModelFacts, quantisation: Quantisation) -> float:
    """All weights in memory. Stored forms are as large as their files; embeddings and head stay 16-bit."""
    if weights.quantisation is not None:
        return 1e9 * _known(weights.download.gb if weights.download else None, weights, "download size")
    total = _known(weights.parameters.total, weights, "parameter count")
    if quantisation is Quantisation.NONE:
        return BYTES_16BIT * total
    unquantised = _embedding_weights(weights)
    return BYTES_16BIT * unquantised + BYTES_PER_WEIGHT[quantisation] * (total - unquantised)


def kv_bytes_per_token(weights: ModelFacts, gpu_count: int) -> float:
    """16-bit key-value cache per token and card; heads are split among cards, or copied if too few."""
    all_heads = _known(weights.architecture.kv_bytes_per_token_16bit, weights, "key-value cache size")
    kv_heads = _known(weights.architecture.kv_heads, weights, "number of key-value heads")
    return all_heads / min(gpu_count, kv_heads)


def _embedding_weights(weights: ModelFacts) -> int:
    architecture = weights.architecture
    vocabulary = _known(architecture.vocabulary_size, weights, "vocabulary size")
    hidden = _known(architecture.hidden_size, weights, "hidden size")
    return vocabulary * hidden * (1 if architecture.tied_embeddings else 2)


def _known(value: N | None, weights: ModelFacts, what: str) -> N:
    if value is None:
        raise CatalogueError(
            f"the {what} of {weights.canonical_id} is not known", remedy="Add it to models.yaml."
        )
    return value
