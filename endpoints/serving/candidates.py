"""From a candidate of the catalogue to the settings of its engine."""

from __future__ import annotations

from typing import assert_never

from endpoints.catalogue.schema import Candidate, Engine
from endpoints.serving.tgi import TgiSettings
from endpoints.serving.vllm import VllmSettings

SMALLEST_PREFILL_BATCH_TOKENS = 4096
"""Lets several short prompts share one prefill, where TGI's own default would take hardly more than one."""


def container_environment(candidate: Candidate) -> dict[str, str]:
    """Environment variables of the candidate's container; weights are read from disk, no token is needed."""
    return settings_for(candidate).to_environment()


def settings_for(candidate: Candidate) -> TgiSettings | VllmSettings:
    """The settings of the candidate's engine. Raises SettingsError when they contradict each other."""
    match candidate.engine:
        case Engine.TGI:
            return TgiSettings(
                gpu_count=candidate.gpu_count,
                max_input_tokens=candidate.max_input_tokens,
                max_total_tokens=candidate.max_total_tokens,
                max_batch_prefill_tokens=max(candidate.max_input_tokens, SMALLEST_PREFILL_BATCH_TOKENS),
                quantisation=candidate.quantisation,
            )
        case Engine.VLLM:
            return VllmSettings(
                served_name=candidate.model_id,
                gpu_count=candidate.gpu_count,
                max_total_tokens=candidate.max_total_tokens,
                quantisation=candidate.quantisation,
            )
        case _:
            assert_never(candidate.engine)
