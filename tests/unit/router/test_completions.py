"""OpenAI's text completions: `POST /v1/completions`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import Completion

from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.completion_answer import read_text_completion
from lambdas.router.api.completion_reader import CompletionReader
from lambdas.router.api.completions import parse_completion
from lambdas.router.errors import ApiError
from lambdas.router.failures import UpstreamError
from lambdas.router.messages import Request
from lambdas.router.route_table import Candidate, Engine
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.recorded import (
    TGI_HEAD,
    USAGE,
    VLLM_USAGE,
    sse,
    tgi_completion_chunk,
    vllm_completion_chunk,
)
from tests.unit.router.support import ask, decoded_events, error_of
from tests.unit.router.tables import table_of, tgi, vllm

ON_TGI = AnswerForm("job-parsing", "req-1", Engine.TGI, stop=("END",))
ON_VLLM = AnswerForm("job-parsing", "req-1", Engine.VLLM)


def sent(candidate: Candidate, **fields: Any) -> dict[str, Any]:
    """What the candidate's container gets."""
    request = parse_completion(table_of(candidate), {"model": "chat", "prompt": "Once", **fields})
    payload: dict[str, Any] = json.loads(request.payload(candidate))
    return payload


def test_what_a_request_may_take_is_that_of_all_its_prompts() -> None:
    """Given several prompts, then a key's tokens are reserved for each of them, and not for the longest alone."""
    request = parse_completion(
        table_of(vllm()), {"model": "chat", "prompt": ["Once", "upon"], "max_tokens": 7, "n": 3}
    )
    assert (request.prompt_chars, request.most_output_tokens) == (8, 42)


def whole(*texts: str, finish_reason: str = "stop", logprobs: object = None, **changes: object) -> bytes:
    """TGI's `CompletionFinal` (router/src/lib.rs), one choice for each prompt; vLLM's has the same members."""
    choices = [
        {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}
        for index, text in enumerate(texts)
    ]
    document = {"object": "text_completion", **TGI_HEAD, "choices": choices, "usage": USAGE}
    return json.dumps(document | changes).encode()


def read(documents: list[dict[str, Any]], asked: AnswerForm) -> list[dict[str, Any]]:
    """The chunks of a streamed answer; the last ones fit OpenAI's type, which knows no answer that goes on."""
    reader = CompletionReader(asked)
    events = reader.feed(sse(documents)) + reader.finish()
    *chunks, end = decoded_events(b"".join(events))
    assert end == "[DONE]"
    for chunk in chunks:
        if all(choice["finish_reason"] for choice in chunk["choices"]):
            Completion.model_validate(chunk, strict=True)
    return chunks


def request_of(**fields: object) -> Request:
    body = json.dumps({"model": "query-enhancement", "prompt": "Once", **fields}).encode()
    return Request("POST", "/v1/completions", body=body, request_id="req-1")


def test_a_prompt_is_completed_by_the_primary() -> None:
    upstream = FakeUpstream(primary=whole(" upon"))
    response, trace = ask(request_of(max_tokens=5, stop="END"), upstream)
    assert upstream.body() == {"prompt": "Once", "max_tokens": 5, "stop": ["END"]}
    completion = Completion.model_validate_json(response.body, strict=True)
    assert (completion.id, completion.model) == ("cmpl-req-1", "query-enhancement")
    assert (completion.choices[0].text, completion.choices[0].finish_reason) == (" upon", "stop")
    assert (trace.operation, trace.completion_tokens) == ("completion", 3)


def test_a_broken_answer_falls_over() -> None:
    response, _ = ask(request_of(), FakeUpstream(primary=b"{}", alternative=whole("x")))
    assert response.headers["x-adept-candidate"] == "alternative"


def test_a_stream_comes_as_events() -> None:
    stream = sse([tgi_completion_chunk(" upon"), tgi_completion_chunk("", 0, "eos_token", USAGE)])
    response, trace = ask(request_of(stream=True), FakeUpstream(primary=stream))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert decoded_events(response.body)[0]["choices"][0]["text"] == " upon"
    assert trace.completion_tokens == 3


def test_both_engines_get_what_they_read() -> None:
    assert sent(tgi(), prompt=["a", "b"], stream=True) == {
        "prompt": ["a", "b"],
        "max_tokens": 100,
        "stream": True,
    }
    on_vllm = sent(vllm(), prompt=["a"], stream=True, n=2, logprobs=1, echo=False, best_of=1, suffix="")
    assert on_vllm == {
        "prompt": "a",
        "max_tokens": 100,
        "stream": True,
        "n": 2,
        "logprobs": 1,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("candidate", "fields", "param"),
    [
        (vllm(), {"prompt": None}, "prompt"),
        (vllm(), {"prompt": ""}, "prompt"),
        (vllm(), {"prompt": []}, "prompt"),
        (vllm(), {"prompt": ["a", ""]}, "prompt"),
        (vllm(), {"prompt": [1, 2]}, "prompt"),  # tokens of one model mean nothing to another
        (vllm(), {"prompt": [[1, 2]]}, "prompt"),
        (vllm(), {"prompt": ["a"] * 9}, "prompt"),
        (tgi(), {"prompt": ["a"] * 5}, "prompt"),
        (vllm(), {"echo": True}, "echo"),
        (vllm(), {"suffix": "end"}, "suffix"),
        (vllm(), {"best_of": 2}, "best_of"),
        (vllm(), {"logprobs": 6}, "logprobs"),
        (tgi(), {"logprobs": 1}, "logprobs"),
        (tgi(), {"n": 2}, "n"),
        (tgi(), {"presence_penalty": 1}, "presence_penalty"),
        (tgi(), {"response_format": {"type": "json_object"}}, "response_format"),
        (vllm(), {"messages": []}, "messages"),
        (vllm(), {"inputs": "x"}, "inputs"),
        (vllm(), {"max_tokens": 101}, "max_tokens"),
        (vllm(), {"model": None}, "model"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_parameter(
    candidate: Candidate, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(ApiError) as caught:
        sent(candidate, **fields)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_a_get_is_405_and_names_post() -> None:
    response, _ = ask(Request("GET", "/v1/completions"))
    assert response.headers["allow"] == "POST, OPTIONS"
    assert error_of(response)["code"] == "method_not_allowed"


def test_a_stop_sequence_that_tgi_leaves_is_taken_off() -> None:
    answer = read_text_completion(whole("one END", finish_reason="stop_sequence"), ON_TGI)
    assert json.loads(answer.body)["choices"][0] == {
        "text": "one ",
        "index": 0,
        "logprobs": None,
        "finish_reason": "stop",
    }
    stream = [
        tgi_completion_chunk("one E"),
        tgi_completion_chunk("N"),
        tgi_completion_chunk("D", 0, "stop_sequence", USAGE),
    ]
    assert "".join(chunk["choices"][0]["text"] for chunk in read(stream, ON_TGI)) == "one "


def test_several_prompts_of_a_stream_are_told_apart_and_their_usage_is_one() -> None:
    two = AnswerForm("job-parsing", "req-1", Engine.TGI, answers=2, include_usage=True)
    stream = [
        tgi_completion_chunk("a"),
        tgi_completion_chunk("b", 1),
        tgi_completion_chunk("", 1, "length", USAGE),
        tgi_completion_chunk("", 0, "eos_token", USAGE),
    ]
    *chunks, last = read(stream, two)
    assert [(each["choices"][0]["index"], each["choices"][0]["finish_reason"]) for each in chunks] == [
        (0, None),
        (1, None),
        (1, "length"),
        (0, "stop"),
    ]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 20)


def test_vllms_usage_chunk_is_the_callers_on_request_alone() -> None:
    stream = [vllm_completion_chunk("a"), vllm_completion_chunk("", 0, "stop"), VLLM_USAGE]
    assert [each["choices"][0]["text"] for each in read(stream, ON_VLLM)] == ["a", ""]
    asked = AnswerForm("job-parsing", "req-1", Engine.VLLM, include_usage=True)
    assert read(stream, asked)[-1]["usage"]["total_tokens"] == 10


@pytest.mark.parametrize(
    "documents",
    [
        [tgi_completion_chunk("a")],
        [{"choices": [{"index": 0}]}],
        [vllm_completion_chunk("a", 0, "stop"), vllm_completion_chunk("b")],
        [{"error": "gpu lost", "error_type": "generation"}],
        [vllm_completion_chunk("a", finish_reason="tool_calls")],
        [{"choices": [{"index": 0, "text": "a", "logprobs": [], "finish_reason": "stop"}]}],
        [],
    ],
)
def test_a_stream_that_is_cut_or_broken_is_no_answer(documents: list[dict[str, Any]]) -> None:
    with pytest.raises(UpstreamError):
        read(documents, ON_TGI)


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"finish_reason": "stop"}]}',
        whole("a", finish_reason=""),
        whole("a", "b"),
        whole("a", finish_reason="tool_calls"),
        whole("a", logprobs="low"),
        whole("a", logprobs={"tokens": "a"}),
        whole("a", logprobs={"tokens": ["a"], "token_logprobs": [True]}),
        whole("a", logprobs={"top_logprobs": [{"a": "low"}]}),
    ],
)
def test_a_whole_answer_that_is_none_is_never_passed_on(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_text_completion(raw, ON_TGI)


def test_log_probabilities_pass_as_they_are() -> None:
    given = {
        "tokens": ["a"],
        "token_logprobs": [None],
        "top_logprobs": [None, {"b": -1}],
        "text_offset": [0],
    }
    answer = read_text_completion(whole("a", logprobs=given), ON_VLLM)
    assert json.loads(answer.body)["choices"][0]["logprobs"] == given
