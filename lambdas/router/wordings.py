"""How engines say in words what they have no code for."""

from __future__ import annotations

import re

# TGI, router/src/validation.rs: "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: ...",
#   "`inputs` must have less than 3072 tokens. Given: ..."
# vLLM, vllm/renderers and vllm/v1/engine: "This model's maximum context length is 4096 tokens. However, ...",
#   "You passed 5000 input tokens and requested 16 output tokens. However, the model's context length is only 4096 ...",
#   "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
#   "The prompt (total length 5000) is too long to fit into the model (context length 4096)."
_CONTEXT = re.compile(
    r"`inputs` tokens \+ `max_new_tokens` must be|`inputs` must have less than"
    r"|maximum context length|context length is only|longer than the maximum model length"
    r"|too long to fit into the model"
)
_REFUSALS = (400, 413, 422)


def exceeds_context(status: int | None, message: str) -> bool:
    """Whether an engine's refusal says that prompt and answer do not fit the model's context."""
    return status in _REFUSALS and _CONTEXT.search(message) is not None


def ran_out_of_time(message: str) -> bool:
    """SageMaker's own words, as a ModelError, for a container that gave no answer within 60 s."""
    return "timed out" in message.lower()
