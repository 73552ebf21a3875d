"""Streamed chat answers of both engines, event by event, as OpenAI's own SDK adds them up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk, ParsedChatCompletion

from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_reader import ChatReader
from lambdas.router.failures import UpstreamError
from lambdas.router.route_table import Engine
from tests.unit.router.recorded import (
    TGI_USAGE,
    VLLM_USAGE,
    sse,
    tgi_call,
    tgi_chunk,
    tgi_text,
    vllm_chunk,
)

ON_TGI = AnswerForm("job-parsing", "req-1", Engine.TGI)
ON_VLLM = AnswerForm("job-parsing", "req-1", Engine.VLLM)
CALLING = AnswerForm("job-parsing", "req-1", Engine.TGI, tools=True)
TGI_STREAM = [tgi_text("he"), tgi_text("llo"), tgi_text("", "stop"), TGI_USAGE]
VLLM_STREAM = [
    vllm_chunk({"role": "assistant", "content": ""}),
    vllm_chunk({"content": "he"}),
    vllm_chunk({"content": "llo"}),
    vllm_chunk({"content": ""}, "stop"),
    VLLM_USAGE,
]


def read(raw: bytes, asked: AnswerForm, cuts: list[int] | None = None) -> list[bytes]:
    """The caller's events of a stream that arrives in pieces of these lengths, the rest at once."""
    reader, events, start = ChatReader(asked), [], 0
    for length in [*(cuts or ()), len(raw)]:
        events += reader.feed(raw[start : start + length])
        start += length
    return events + reader.finish()


def chunks(raw: bytes, asked: AnswerForm) -> list[dict[str, Any]]:
    """The chunks, each as OpenAI's types read it strictly; the end marker is checked and left out."""
    *events, end = read(raw, asked)
    assert end == b"data: [DONE]\n\n"
    documents = [json.loads(event.removeprefix(b"data: ")) for event in events]
    for document in documents:
        ChatCompletionChunk.model_validate(document, strict=True)
    return documents


def added_up(documents: list[dict[str, Any]]) -> ParsedChatCompletion[object]:
    """What the SDK makes of the chunks."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for document in documents:
        state.handle_chunk(ChatCompletionChunk.model_validate(document))
    return state.current_completion_snapshot  # the final one refuses answers cut by their length


@pytest.mark.parametrize(
    ("stream", "asked", "answer_id"),
    [(TGI_STREAM, ON_TGI, "chatcmpl-req-1"), (VLLM_STREAM, ON_VLLM, "chatcmpl-ab12")],
)
def test_both_engines_texts_become_the_same_chunks(
    stream: list[dict[str, Any]], asked: AnswerForm, answer_id: str
) -> None:
    documents = chunks(sse(stream), asked)
    assert {(each["id"], each["model"], each["created"]) for each in documents} == {
        (answer_id, "job-parsing", 1700000000)
    }
    deltas = [each["choices"][0]["delta"] for each in documents]
    assert [delta for delta in deltas if "role" in delta] == deltas[:1]  # the SDK adds texts up
    assert "usage" not in documents[-1]
    completion = added_up(documents)
    assert (completion.choices[0].message.role, completion.choices[0].message.content) == (
        "assistant",
        "hello",
    )
    assert completion.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(("stream", "engine"), [(TGI_STREAM, Engine.TGI), (VLLM_STREAM, Engine.VLLM)])
def test_usage_comes_in_a_chunk_of_its_own_on_request(stream: list[dict[str, Any]], engine: Engine) -> None:
    documents = chunks(sse(stream), AnswerForm("job-parsing", "req-1", engine, include_usage=True))
    assert documents[-1]["choices"] == []
    assert documents[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert [each["usage"] for each in documents[:-1]] == [None] * (len(documents) - 1)


def test_tokens_are_counted_whether_or_not_the_caller_asks() -> None:
    reader = ChatReader(ON_TGI)
    reader.feed(sse(TGI_STREAM))
    assert (reader.prompt_tokens, reader.completion_tokens) == (7, 3)


def test_the_first_token_is_the_first_part_of_the_answer_itself() -> None:
    reader = ChatReader(ON_VLLM)
    assert reader.feed(sse(VLLM_STREAM[:1], done=False))  # the role alone
    assert not reader.first_token
    reader.feed(sse(VLLM_STREAM[1:2], done=False))
    assert reader.first_token
    assert not reader.complete


def test_tgis_tool_call_is_one_call_although_every_delta_names_it() -> None:
    """chat.rs ends such a stream without a finish_reason; its usage says that it ended in order."""
    stream = [tgi_call("{", "weather"), tgi_call(' "city": "'), tgi_call('Rome"}'), TGI_USAGE]
    completion = added_up(chunks(sse(stream), CALLING))
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{ "city": "Rome"}')
    assert (len(call.id), call.type) == (9, "function")


def test_a_call_without_arguments_gets_back_the_brace_that_tgi_takes_off() -> None:
    completion = added_up(chunks(sse([tgi_call("{", "clock"), TGI_USAGE]), CALLING))
    assert completion.choices[0].message.tool_calls is not None
    assert completion.choices[0].message.tool_calls[0].function.arguments == "{}"


@pytest.mark.parametrize(
    "stream",
    [
        [tgi_call("{", "weather"), tgi_call(' "city": "Ro'), TGI_USAGE],  # not whole
        [tgi_call("{", "weather"), tgi_call(' "city": "Rome"}')],  # no usage: it did not end in order
        [tgi_text("I"), TGI_USAGE],
    ],
)
def test_a_call_that_is_cut_is_no_answer(stream: list[dict[str, Any]]) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(sse(stream), CALLING)
    assert caught.value.code == "StreamCut"


def test_a_call_that_had_no_tokens_left_to_begin_says_so() -> None:
    completion = added_up(chunks(sse([TGI_USAGE]), CALLING))
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.content == ""


def test_vllms_parallel_calls_are_told_apart_by_their_index() -> None:
    def piece(index: int, arguments: str, **new: str) -> dict[str, Any]:
        function = {"arguments": arguments} | ({"name": new.pop("name")} if "name" in new else {})
        return vllm_chunk({"tool_calls": [{"index": index, **new, "function": function}]})

    stream = [
        vllm_chunk({"role": "assistant", "content": ""}),
        piece(0, "", id="chatcmpl-tool-a", type="function", name="weather"),
        piece(0, '{"city": "Rome"}'),
        piece(1, "", id="chatcmpl-tool-b", type="function", name="clock"),
        piece(1, "{}"),
        vllm_chunk({"content": ""}, "tool_calls"),
        VLLM_USAGE,
    ]
    (choice,) = added_up(chunks(sse(stream), ON_VLLM)).choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("chatcmpl-tool-a", "weather", '{"city": "Rome"}'),
        ("chatcmpl-tool-b", "clock", "{}"),
    ]


def test_prose_where_a_call_was_required_ends_as_broken() -> None:
    must = AnswerForm("job-parsing", "req-1", Engine.VLLM, tools=True, must_call=True)
    prose = [vllm_chunk({"role": "assistant", "content": "I am"}), vllm_chunk({"content": ""}, "tool_calls")]
    with pytest.raises(UpstreamError, match="calls no tool"):
        read(sse(prose), must)


def test_a_stream_that_is_not_the_json_that_was_asked_for_ends_as_broken() -> None:
    form = AnswerForm("job-parsing", "req-1", Engine.TGI, json=True)
    assert added_up(chunks(sse([tgi_text('{"a":'), tgi_text("1}", "stop")]), form)).choices[0].message.content
    with pytest.raises(UpstreamError, match="response_format"):
        read(sse([tgi_text('{"a":'), tgi_text("1", "stop")]), form)


def test_several_answers_may_come_mixed_and_all_must_end() -> None:
    two = AnswerForm("job-parsing", "req-1", Engine.VLLM, answers=2)
    stream = [
        vllm_chunk({"role": "assistant", "content": ""}),
        vllm_chunk({"role": "assistant", "content": ""}, index=1),
        vllm_chunk({"content": "b"}, index=1),
        vllm_chunk({"content": "a"}),
        vllm_chunk({"content": ""}, "stop", index=1),
        vllm_chunk({"content": ""}, "length"),
    ]
    choices = added_up(chunks(sse(stream), two)).choices
    assert [(each.message.content, each.finish_reason) for each in choices] == [
        ("a", "length"),
        ("b", "stop"),
    ]
    for missing in (stream[:-1], [*stream[:1], stream[3], stream[5]]):
        with pytest.raises(UpstreamError):
            read(sse(missing), two)


@pytest.mark.parametrize(
    ("pieces", "finish_reason", "expected"),
    [
        (["one ", "EN", "D"], "stop_sequence", "one "),
        (["one E", "N", " more"], "stop", "one EN more"),  # it only began like one
        (["one ", "EN"], "length", "one EN"),
        (["END"], "stop_sequence", ""),
        (["a", "#", "#", "#"], "stop_sequence", "a"),
    ],
)
def test_a_stop_sequence_that_tgi_leaves_never_reaches_the_caller(
    pieces: list[str], finish_reason: str, expected: str
) -> None:
    asked = AnswerForm("job-parsing", "req-1", Engine.TGI, stop=("END", "###"))
    stream = [*map(tgi_text, pieces[:-1]), tgi_text(pieces[-1], finish_reason)]
    assert added_up(chunks(sse(stream), asked)).choices[0].message.content == expected


def test_log_probabilities_and_reasoning_come_through() -> None:
    token = {"content": [{"token": "hi", "logprob": -0.5, "top_logprobs": []}]}
    first, _ = chunks(sse([tgi_chunk({"content": "hi"}, logprobs=token), tgi_text("", "stop")]), ON_TGI)
    assert first["choices"][0]["logprobs"]["content"][0]["bytes"] == [104, 105]
    stream = [vllm_chunk({"role": "assistant", "reasoning": "hm"}), vllm_chunk({"content": "4"}, "stop")]
    assert chunks(sse(stream), ON_VLLM)[0]["choices"][0]["delta"]["reasoning"] == "hm"


@pytest.mark.parametrize(
    "documents",
    [
        [{"object": "chat.completion.chunk"}],
        [{"choices": ["x"]}],
        [{"choices": [{"index": "0", "delta": {}}]}],
        [{"choices": [{"index": 0}]}],
        [vllm_chunk({"content": 5})],
        [vllm_chunk({"tool_calls": "x"})],
        [vllm_chunk({"tool_calls": [{"index": 0}]})],
        [vllm_chunk({"tool_calls": [{"index": "a", "function": {}}]})],
        [vllm_chunk({"content": "a"}, "stop"), vllm_chunk({"content": "b"})],  # it goes on after its end
        [vllm_chunk({"content": "a"}, "bored")],
    ],
)
def test_an_event_that_is_none_ends_the_stream_as_broken(documents: list[Any]) -> None:
    with pytest.raises(UpstreamError):
        read(sse(documents), ON_VLLM)


def test_an_event_without_end_is_given_up_before_it_fills_the_memory() -> None:
    reader = ChatReader(ON_TGI)
    for _ in range(10):
        assert reader.feed(b"data: " + b"x" * 100_000) == []
    with pytest.raises(UpstreamError, match="more than 1048576 bytes"):
        reader.feed(b"x" * 100_000)


def test_what_follows_the_end_is_nothing_to_the_caller() -> None:
    reader = ChatReader(ON_TGI)
    reader.feed(sse(TGI_STREAM))
    assert reader.complete
    assert reader.feed(sse([tgi_text("more"), {"error": "late"}])) == []
    assert reader.finish() == [b"data: [DONE]\n\n"]


@given(
    st.lists(st.integers(1, 60), max_size=60),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([TGI_STREAM, VLLM_STREAM, [tgi_text("지원자 🚀"), tgi_text(" é", "stop"), TGI_USAGE]]),
)
def test_events_are_the_same_however_the_bytes_are_cut(
    cuts: list[int], newline: bytes, stream: list[dict[str, Any]]
) -> None:
    raw = sse(stream)
    assert read(raw.replace(b"\n", newline), ON_TGI, cuts) == read(raw, ON_TGI)


@given(st.integers(0, 1000))
def test_a_stream_cut_anywhere_is_never_complete(at: int) -> None:
    raw = sse(TGI_STREAM)
    with pytest.raises(UpstreamError):
        read(raw[: at % (len(raw) - 1)], ON_TGI)
