"""Whole chat answers of both engines in OpenAI's shape, as OpenAI's own types read it strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_answer import read_completion
from lambdas.router.failures import UpstreamError
from lambdas.router.route_table import Engine
from tests.unit.router.recorded import tgi_chat, vllm_chat

ON_TGI = AnswerForm("job-parsing", "req-1", Engine.TGI, stop=("END", "\n"))
ON_VLLM = AnswerForm("job-parsing", "req-1", Engine.VLLM)
TOKENS = {"content": [{"token": "é", "logprob": -0.5, "top_logprobs": [{"token": "e", "logprob": -1.5}]}]}


def read(raw: bytes, asked: AnswerForm = ON_TGI) -> tuple[ChatCompletion, dict[str, Any]]:
    """The answer as OpenAI's SDK has it, and as JSON."""
    answer = read_completion(raw, asked)
    document: dict[str, Any] = json.loads(answer.body)
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 3)
    return ChatCompletion.model_validate(document, strict=True), document


@pytest.mark.parametrize(
    ("raw", "asked", "answer_id"),
    [
        (tgi_chat({"content": "hi"}), ON_TGI, "chatcmpl-req-1"),  # TGI gives no id
        (vllm_chat({"content": "hi"}), ON_VLLM, "chatcmpl-ab12"),
    ],
)
def test_both_engines_texts_become_the_same_answer(raw: bytes, asked: AnswerForm, answer_id: str) -> None:
    completion, document = read(raw, asked)
    assert (completion.id, completion.model, completion.created) == (answer_id, "job-parsing", 1700000000)
    (choice,) = document["choices"]
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "hi", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert document["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize(
    ("given", "expected"),
    [("stop", "stop"), ("eos_token", "stop"), ("stop_sequence", "stop"), ("length", "length")],
)
def test_tgis_endings_are_openais(given: str, expected: str) -> None:
    assert read(tgi_chat({"content": "hi"}, given))[0].choices[0].finish_reason == expected


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("one END", "stop_sequence", "one "),
        ("one END", "stop", "one END"),  # the model's own end
        ("one EN", "length", "one EN"),
        ("one\n\n", "stop_sequence", "one"),  # the first of several
        ("one", "stop_sequence", "one"),
    ],
)
def test_the_stop_sequence_that_tgi_leaves_is_taken_off(text: str, finish_reason: str, expected: str) -> None:
    assert read(tgi_chat({"content": text}, finish_reason))[0].choices[0].message.content == expected


@pytest.mark.parametrize("arguments", [{"city": "Rome"}, '{"city":"Rome"}'])
def test_tgis_tool_call_gets_an_id_of_its_own_and_arguments_as_text(arguments: object) -> None:
    function = {"description": None, "name": "weather", "arguments": arguments}
    raw = tgi_chat({"tool_calls": [{"id": "0", "type": "function", "function": function}]})
    completion, document = read(raw)
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    (call,) = document["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert len(call["id"]) == 9  # what Mistral's chat templates demand
    assert call["id"].isalnum()


def test_vllms_tool_calls_keep_their_ids_and_an_empty_list_is_left_out() -> None:
    call = {"id": "chatcmpl-tool-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    completion, document = read(vllm_chat({"tool_calls": [call]}, finish_reason="tool_calls"), ON_VLLM)
    assert document["choices"][0]["message"]["tool_calls"] == [call]
    assert completion.choices[0].finish_reason == "tool_calls"
    _, document = read(vllm_chat({"content": "hi", "tool_calls": []}), ON_VLLM)
    assert "tool_calls" not in document["choices"][0]["message"]


def test_a_call_that_ran_out_of_tokens_says_so() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"ci'}}
    assert read(vllm_chat({"tool_calls": [call]}, finish_reason="length"), ON_VLLM)[0].choices[
        0
    ].finish_reason == ("length")


def test_log_probabilities_have_the_bytes_that_tgi_leaves_out() -> None:
    completion, _ = read(tgi_chat({"content": "é"}, logprobs=TOKENS))
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    (token,) = logprobs.content
    assert (token.token, token.logprob, token.bytes) == ("é", -0.5, [195, 169])
    assert (token.top_logprobs[0].token, token.top_logprobs[0].bytes) == ("e", [101])


def test_what_an_engine_adds_is_kept_and_what_it_spells_null_is_not() -> None:
    _, document = read(vllm_chat({"content": "4", "reasoning": "2 and 2"}), ON_VLLM)
    assert document["choices"][0]["message"]["reasoning"] == "2 and 2"
    assert None not in (document.get("prompt_logprobs", 0), document["choices"][0].get("stop_reason", 0))


def test_several_answers_are_all_there_or_none() -> None:
    two = AnswerForm("job-parsing", "req-1", Engine.VLLM, answers=2)
    completion, _ = read(vllm_chat({"content": "a"}, {"content": "b"}), two)
    assert [choice.message.content for choice in completion.choices] == ["a", "b"]
    with pytest.raises(UpstreamError, match="2 choices"):
        read(vllm_chat({"content": "a"}), two)


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": ["x"]}',
        b'{"choices": [{"message": "hi", "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "hi"}}]}',  # it has not ended
        b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "bored"}]}',
        b'{"choices": [{"message": {"content": "hi"}, "finish_reason": ["stop"]}]}',
        b'{"choices": [{"message": {"content": 1}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"tool_calls": "x"}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"tool_calls": [{}]}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": ""}, "logprobs": {"content": 1}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": ""}, "logprobs": {"content": [1]}, "finish_reason": "stop"}]}',
        tgi_chat({"content": ""}, logprobs={"content": [{"token": "a", "logprob": "low"}]}),
        tgi_chat({"content": ""}, logprobs={"content": [{"token": "a", "logprob": 0, "top_logprobs": 1}]}),
        tgi_chat({"content": "hi", "refusal": 1}),
    ],
)
def test_what_is_no_whole_answer_is_never_passed_on(raw: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read_completion(raw, ON_TGI)
    assert caught.value.code == "BadAnswer"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_engine_gave_up_is_its_fault(reason: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read_completion(vllm_chat({"content": "hal"}, finish_reason=reason), ON_VLLM)
    assert caught.value.from_engine


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_prose_where_a_call_was_required_is_no_answer(reason: str) -> None:
    """Some of vLLM's parsers pass over `required` and say `tool_calls` all the same (vllm issue 53363)."""
    must = ON_VLLM._replace(tools=True, must_call=True)
    with pytest.raises(UpstreamError, match="calls no tool"):
        read_completion(vllm_chat({"content": "I am Gemma.", "tool_calls": []}, finish_reason=reason), must)
    assert read(vllm_chat({"content": "I am"}, finish_reason="length"), must)


def test_prose_that_was_free_to_call_nothing_ends_with_stop() -> None:
    raw = vllm_chat({"content": "hi", "tool_calls": []}, finish_reason="tool_calls")
    assert read(raw, ON_VLLM)[0].choices[0].finish_reason == "stop"


def test_a_format_that_the_engine_did_not_hold_is_its_fault() -> None:
    form = ON_VLLM._replace(json=True)
    assert read(vllm_chat({"content": '{"title": "x"}'}), form)
    assert read(vllm_chat({"content": '{"tit'}, finish_reason="length"), form)  # it says that it is cut
    with pytest.raises(UpstreamError, match="response_format"):
        read_completion(vllm_chat({"content": "Sure, here is the JSON: {}"}), form)
    assert read(vllm_chat({"content": '{"a": "'}), form._replace(stop=("b",)))  # the caller's own cut
