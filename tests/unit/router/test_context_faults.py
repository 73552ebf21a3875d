"""The engines' words for a prompt that does not fit are understood, and no others."""

from __future__ import annotations

import json

import pytest

from lambdas.router.answers import parse_answer
from lambdas.router.failures import CONTEXT_LENGTH, UpstreamError
from lambdas.router.wordings import exceeds_context

# Each as its source words it.
TOO_LONG = [
    # TGI 3.3, router/src/validation.rs
    (
        422,
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and "
        "512 `max_new_tokens`",
    ),
    (422, "Input validation error: `inputs` must have less than 3072 tokens. Given: 5000"),
    # vLLM 0.29: vllm/renderers/params.py, vllm/v1/engine/input_processor.py
    (
        400,
        "This model's maximum context length is 4096 tokens. However, you requested 512 output tokens and your prompt "
        "contains at least 4000 input tokens, for a total of at least 4512 tokens.",
    ),
    (
        400,
        "You passed 4097 input tokens and requested 16 output tokens. However, the model's context length is only 4096 "
        "tokens, resulting in a maximum input length of 4080 tokens.",
    ),
    (400, "The decoder prompt (length 5951) is longer than the maximum model length of 4096."),
    (400, "The prompt (total length 25938) is too long to fit into the model (context length 4096)."),
]
OTHERS = [
    (422, "Input validation error: `temperature` must be strictly positive"),
    (422, "Template error: Conversation roles must alternate"),
    (500, "This model's maximum context length is unknown"),
    (None, "gpu lost"),
]


@pytest.mark.parametrize(("status", "message"), TOO_LONG)
def test_a_refusal_for_the_contexts_length_is_known_as_one(status: int, message: str) -> None:
    assert exceeds_context(status, message)


@pytest.mark.parametrize(("status", "message"), OTHERS)
def test_another_refusal_is_not(status: int | None, message: str) -> None:
    assert not exceeds_context(status, message)


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": TOO_LONG[0][1], "http_status_code": 422}},  # TGI, in a chat stream
        {"error": TOO_LONG[1][1], "error_type": "validation"},  # TGI
        {"error": {"message": TOO_LONG[2][1], "type": "BadRequestError", "param": None, "code": 400}},  # vLLM
    ],
)
def test_an_error_inside_a_stream_says_so_too(event: dict[str, object]) -> None:
    with pytest.raises(UpstreamError) as caught:
        parse_answer(json.dumps(event))
    assert caught.value.code == CONTEXT_LENGTH
    assert caught.value.from_engine
