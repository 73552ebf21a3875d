"""TGI's validation rules and their wording."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.local.model_server.errors import InvalidRequestError, UndecodableError
from endpoints.local.model_server.jobs import chat_job, completion_jobs, generate_job
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import ChatRequest, CompletionRequest, GenerateRequest
from tests.unit.local.fake_engine import FakeEngine

LIMITS = Limits(ServingEngine.TGI, max_total_tokens=20, max_input_tokens=10)
VLLM_LIMITS = Limits(ServingEngine.VLLM, max_total_tokens=20, max_input_tokens=19)
ENGINE = FakeEngine()


def generate(inputs: str = "one two", **parameters: Any) -> GenerateRequest:
    return GenerateRequest.model_validate({"inputs": inputs, "parameters": parameters})


def chat(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"messages": [{"role": "user", "content": "one two"}], **fields})


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            generate(max_new_tokens=19),
            "`inputs` tokens + `max_new_tokens` must be <= 20. "
            "Given: 2 `inputs` tokens and 19 `max_new_tokens`",
        ),
        (generate("word " * 11), "`inputs` must have less than 10 tokens. Given: 11"),
        (generate(""), "`inputs` cannot be empty"),
        (generate(max_new_tokens=0), "`max_new_tokens` must be strictly positive"),
        (generate(temperature=0.0), "`temperature` must be strictly positive"),
        (generate(top_p=1.0), "`top_p` must be > 0.0 and < 1.0"),
        (generate(top_k=0), "`top_k` must be strictly positive"),
        (generate(repetition_penalty=0.0), "`repetition_penalty` must be strictly positive"),
        (generate(frequency_penalty=3.0), "`frequency_penalty` must be >= -2.0 and <= 2.0"),
        (generate(stop=list("abcde")), "`stop` supports up to 4 stop sequences. Given: 5"),
        (generate(top_n_tokens=6), "`top_n_tokens` must be >= 0 and <= 5. Given: 6"),
        (generate(truncate=11), "`truncate` must be strictly positive and less than 10. Given: 11"),
        (generate(best_of=3), "`best_of` must be > 0 and <= 2. Given: 3"),
        (generate(best_of=2, do_sample=True), "`best_of` is not supported by the local model server"),
        (generate(watermark=True), "`watermark` is not supported by the local model server"),
    ],
)
def test_generate_refuses(request_: GenerateRequest, words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        generate_job(ENGINE, LIMITS, request_)
    assert caught.value.message.startswith(f"Input validation error: {words}")


def test_without_a_length_the_answer_may_fill_the_window() -> None:
    assert generate_job(ENGINE, LIMITS, generate()).sampling.max_new_tokens == 18


def test_generate_is_greedy_unless_something_asks_for_sampling() -> None:
    assert generate_job(ENGINE, LIMITS, generate()).sampling.temperature == 0.0
    assert generate_job(ENGINE, LIMITS, generate(do_sample=True)).sampling.temperature == 1.0
    assert generate_job(ENGINE, LIMITS, generate(top_p=0.9)).sampling.temperature == 1.0
    assert generate_job(ENGINE, LIMITS, generate(temperature=0.3)).sampling.temperature == 0.3


def test_truncate_keeps_the_end_of_the_prompt() -> None:
    assert generate_job(ENGINE, LIMITS, generate("a b c d", truncate=2)).prompt.content == "c d"


def test_chat_samples_unless_the_temperature_is_zero() -> None:
    assert chat_job(ENGINE, LIMITS, chat()).sampling.temperature == 1.0
    assert chat_job(ENGINE, LIMITS, chat(temperature=0)).sampling.temperature == 0.0


def test_chat_joins_text_parts() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    job = chat_job(ENGINE, LIMITS, chat(messages=[{"role": "user", "content": parts}]))
    assert job.prompt.content == "one two"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": 100}, "`inputs` tokens + `max_new_tokens` must be <= 20"),
        ({"messages": []}, "`inputs` cannot be empty"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "image_url modality is not supported",
        ),
    ],
)
def test_chat_refuses(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat_job(ENGINE, LIMITS, chat(**fields))
    assert words in caught.value.message


def test_tgi_wants_a_schema_under_value_and_vllm_under_json_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tgi = chat(response_format={"type": "json_object", "value": schema})
    openai = chat(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    expected = '{"type": "object", "properties": {"a": {"type": "string"}}}'
    for job in (chat_job(ENGINE, LIMITS, tgi), chat_job(ENGINE, VLLM_LIMITS, openai)):
        assert job.sampling.grammar is not None
        assert job.sampling.grammar.text == expected
    with pytest.raises(UndecodableError, match="without `value`"):
        chat_job(ENGINE, LIMITS, openai)


def test_the_neutral_top_p_is_refused_by_tgi_only() -> None:
    with pytest.raises(InvalidRequestError):
        chat_job(ENGINE, LIMITS, chat(top_p=1.0))
    assert chat_job(ENGINE, VLLM_LIMITS, chat(top_p=1.0)).sampling.top_p is None


def test_a_completion_has_one_job_per_prompt_and_tgis_default_length() -> None:
    limits = Limits(ServingEngine.TGI, max_total_tokens=200, max_input_tokens=99)
    request = CompletionRequest.model_validate({"prompt": ["one", "two words"]})
    jobs = completion_jobs(ENGINE, limits, request)
    assert [job.prompt.tokens for job in jobs] == [1, 2]
    assert {job.sampling.max_new_tokens for job in jobs} == {100}
