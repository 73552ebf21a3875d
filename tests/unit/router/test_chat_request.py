"""What the router takes as a chat request, and what the container gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.router.messages import Request
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import ask, chat_body, chat_request, completion, error_of, whole_stream


def sent(answer: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """The body that the container gets for a chat request with `fields`."""
    upstream = FakeUpstream(primary=answer or completion())
    response, _ = ask(chat_request(chat_body(**fields)), upstream)
    assert response.status == 200, response.body
    return upstream.body()


def refused(**fields: Any) -> tuple[int, str | None, str]:
    """Status, parameter and message for a chat request with `fields`; no container is asked."""
    upstream = FakeUpstream()
    response, _ = ask(chat_request(chat_body(**fields)), upstream)
    assert upstream.asked == []
    error = error_of(response)
    return response.status, error["param"], error["message"]


def test_the_router_takes_out_what_is_its_own() -> None:
    # TGI would take `model` for a LoRA adapter.
    assert "model" not in sent()


def test_parameters_that_the_router_does_not_know_reach_the_engine() -> None:
    body = sent(temperature=0.5, guideline="g", seed=None)
    assert body["temperature"] == 0.5
    assert body["guideline"] == "g"
    assert "seed" not in body  # null is absent


def test_what_only_openais_own_service_could_use_is_left_out() -> None:
    ignored: dict[str, Any] = {
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "safety_identifier": "s",
    }
    assert not ignored.keys() & sent(**ignored, store=False, prompt_cache_key="k", verbosity="low").keys()


def test_max_tokens_is_the_use_cases_limit_unless_given() -> None:
    assert sent()["max_tokens"] == 100
    assert sent(max_tokens=5)["max_tokens"] == 5


def test_the_newer_name_of_max_tokens_is_translated_for_the_engine() -> None:
    body = sent(max_completion_tokens=6)
    assert body["max_tokens"] == 6
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [101, 0, -1, "5", 5.0, True])
def test_max_tokens_outside_the_limit_is_refused_rather_than_clamped(name: str, value: object) -> None:
    status, param, message = refused(**{name: value})
    assert (status, param) == (400, name)
    assert name in message


def test_two_different_values_of_max_tokens_are_refused() -> None:
    assert refused(max_tokens=5, max_completion_tokens=6)[0] == 400


def test_top_p_1_is_left_out_for_tgi_because_tgi_refuses_it() -> None:
    assert "top_p" not in sent(top_p=1)
    assert sent(top_p=0.9)["top_p"] == 0.9
    assert sent(model="job-parsing", top_p=1)["top_p"] == 1  # vLLM takes it


def test_several_completions_are_refused_on_tgi_and_passed_to_vllm() -> None:
    status, param, message = refused(n=2)
    assert (status, param) == (400, "n")
    assert "TGI" in message
    two = [json.loads(completion())["choices"][0] | {"index": index} for index in (0, 1)]
    assert sent(answer=completion(choices=two), model="job-parsing", n=2)["n"] == 2
    assert refused(model="job-parsing", n=129)[:2] == (400, "n")  # each one costs a whole answer
    assert "n" not in sent(n=1)


def test_the_developer_role_becomes_system_which_chat_templates_know() -> None:
    body = sent(messages=[{"role": "developer", "content": "be brief"}, {"role": "user", "content": "x"}])
    assert body["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "x"}]


def test_content_in_parts_and_tool_calls_without_content_pass() -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
    ]
    assert sent(messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 1}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 5}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages[0].tool_calls"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_p": 0}, "top_p"),
        ({"n": 0}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": -1}, "seed"),  # TGI takes none below 0
        ({"stop": 1}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", 1]}, "stop"),
        ({"stop": list("abcde")}, "stop"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 6}, "top_logprobs"),  # TGI gives 5
        ({"logprobs": 2}, "logprobs"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"logit_bias": []}, "logit_bias"),
        ({"presence_penalty": 1}, "presence_penalty"),  # TGI would make a repetition penalty of it
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stream": True, "stream_options": "all"}, "stream_options"),
        ({"store": True}, "store"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"modalities": "audio"}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"inputs": "TGI's schema"}, "inputs"),
    ],
)
def test_a_request_that_no_engine_could_serve_is_refused_with_its_parameter(
    fields: dict[str, object], param: str
) -> None:
    assert refused(**fields)[:2] == (400, param)


@pytest.mark.parametrize(
    "model", ["nothing", "query-enhancement:third", "query-enhancement:", ":primary", "nothing:primary"]
)
def test_an_unknown_use_case_or_candidate_is_openais_model_not_found(model: str) -> None:
    response, _ = ask(chat_request(chat_body(model)))
    assert response.status == 404
    assert error_of(response)["code"] == "model_not_found"


def test_an_unknown_use_case_names_the_known_ones() -> None:
    assert "job-parsing, query-enhancement" in refused(model="nothing")[2]


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "line 1, column 2"),
        (b'{"model": }', 400, "line 1, column 11"),
        (b"[]", 400, "object"),
        (b'{"a": NaN}', 400, "NaN"),
        (b'{"a": 1e999}', 400, "too large"),
        (b'{"a": ' + b"9" * 4000 + b"9" * 400 + b"}", 413, "at most 4096"),
        (b'{"a": "\xff"}', 400, "byte 7"),
        (b"[" * 2000, 400, "nests"),
        (b'{"a":' + b"[" * 65 + b"]" * 65 + b"}", 400, "nests more than 64"),
        (b" " * 5000, 413, "5000 bytes"),
    ],
)
def test_a_body_that_is_no_json_object_says_where_it_is_wrong(raw: bytes, status: int, says: str) -> None:
    response, _ = ask(Request("POST", "/v1/chat/completions", body=raw))
    assert response.status == status
    assert says in error_of(response)["message"]


def test_a_compressed_body_is_refused_as_such() -> None:
    response, _ = ask(chat_request(headers={"content-encoding": "gzip"}))
    assert response.status == 415
    assert "gzip" in error_of(response)["message"]


def test_text_beyond_ascii_reaches_the_container_unchanged() -> None:
    text = "지원자 검색 — 🚀"
    assert sent(messages=[{"role": "user", "content": text}])["messages"] == [
        {"role": "user", "content": text}
    ]


def test_what_is_off_by_default_is_left_out_for_tgi() -> None:
    assert not {"presence_penalty", "logit_bias"} & sent(presence_penalty=0, logit_bias={}).keys()
    assert sent(model="job-parsing", presence_penalty=1)["presence_penalty"] == 1


def test_a_single_stop_text_becomes_a_list_because_tgi_takes_no_other() -> None:
    assert sent(stop="END")["stop"] == ["END"]
    assert sent(stop=["a", "b"])["stop"] == ["a", "b"]
    assert "stop" not in sent(stop=[])


def test_engines_always_count_tokens_of_a_stream() -> None:
    upstream = FakeUpstream(primary=whole_stream())
    ask(chat_request(chat_body(stream=True)), upstream)
    assert upstream.body()["stream_options"] == {"include_usage": True}


def test_an_assistants_message_with_text_and_calls_keeps_its_calls_on_tgi_which_reads_one_of_them() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [{"role": "assistant", "content": "I look.", "tool_calls": calls}]
    assert sent(messages=messages)["messages"] == [{"role": "assistant", "tool_calls": calls}]
    assert sent(model="job-parsing", messages=messages)["messages"] == messages


def test_an_answer_can_be_sent_back_as_it_came_with_all_its_nulls() -> None:
    answer = {"role": "assistant", "content": "hi", "refusal": None, "audio": None, "tool_calls": None}
    assert sent(messages=[answer])["messages"] == [{"role": "assistant", "content": "hi"}]


def test_a_message_of_nothing_is_empty_text_and_a_refusal_is_text() -> None:
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    nothing: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": []}
    assert sent(messages=[nothing, refusal])["messages"] == [
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "text", "text": "no"}]},
    ]
