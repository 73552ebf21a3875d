"""What one container accepts, as its environment says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ServingEngine(StrEnum):
    """The engine whose container this one stands in for."""

    TGI = "tgi"
    VLLM = "vllm"


class LaunchRefusedError(Exception):
    """The engine's launcher would exit with this message instead of starting."""


@dataclass(frozen=True)
class Limits:
    """One container's limits. Token counts are of the model that serves here."""

    engine: ServingEngine
    max_total_tokens: int  # prompt and answer together
    max_input_tokens: int
    max_concurrent_requests: int = 128
    max_stop_sequences: int = 4
    max_best_of: int = 2
    max_top_n_tokens: int = 5
    max_client_batch_size: int = 4  # prompts in one completion request
    payload_limit_bytes: int = 2_000_000
    calls_tools_by_itself: bool = True  # vLLM: only with a parser
