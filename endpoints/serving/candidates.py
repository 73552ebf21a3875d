"""From a candidate of the catalogue to the settings of its engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from endpoints.catalogue.schema import DEFAULT_HUB_URL, Candidate, Engine
from endpoints.serving.settings import WEIGHTS_PATH
from endpoints.serving.tgi import TgiSettings
from endpoints.serving.vllm import VllmSettings

SMALLEST_PREFILL_BATCH_TOKENS = 4096
"""Lets several short prompts share one prefill, where TGI's own default would take hardly more than one."""

VLLM_GPU_MEMORY_FRACTION = 0.9
"""vLLM's own default, said so that the template shows it."""


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A repository that a container loads from the Hub as it starts; without a `revision` whatever it holds then."""

    repository: str
    revision: str | None
    url: str = DEFAULT_HUB_URL


def container_environment(candidate: Candidate, hub: HubSource | None = None) -> dict[str, str]:
    """Environment variables of the candidate's container: weights from disk or, without a token, from `hub`."""
    variables = settings_for(candidate, hub).to_environment()
    if hub is not None and hub.url != DEFAULT_HUB_URL:
        variables["HF_ENDPOINT"] = hub.url
    return variables


def settings_for(candidate: Candidate, hub: HubSource | None = None) -> TgiSettings | VllmSettings:
    """The settings of the candidate's engine. Raises SettingsError when they contradict each other."""
    model = hub.repository if hub else WEIGHTS_PATH
    revision = hub.revision if hub else None
    match candidate.engine:
        case Engine.TGI:
            return TgiSettings(
                model=model,
                revision=revision,
                gpu_count=candidate.gpu_count,
                max_input_tokens=candidate.max_input_tokens,
                max_total_tokens=candidate.max_total_tokens,
                max_batch_prefill_tokens=candidate.max_batch_prefill_tokens
                or max(candidate.max_input_tokens, SMALLEST_PREFILL_BATCH_TOKENS),
                quantisation=candidate.quantisation,
                kv_cache_dtype=candidate.kv_cache_dtype,
                cuda_memory_fraction=candidate.gpu_memory_fraction,
            )
        case Engine.VLLM:
            return VllmSettings(
                model=model,
                revision=revision,
                served_name=candidate.model_id,
                gpu_count=candidate.gpu_count,
                max_total_tokens=candidate.max_total_tokens,
                max_batched_tokens=candidate.max_batch_prefill_tokens,
                gpu_memory_fraction=candidate.gpu_memory_fraction or VLLM_GPU_MEMORY_FRACTION,
                quantisation=candidate.quantisation,
                kv_cache_dtype=candidate.kv_cache_dtype,
                tool_call_parser=candidate.tool_call_parser,
            )
        case _:
            assert_never(candidate.engine)
