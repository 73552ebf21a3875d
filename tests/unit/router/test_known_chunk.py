"""Chunks that are read without a parser: the caller gets what a parser would have given, and no fault gets through."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdas.router.api import openai_reader
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_reader import ChatReader
from lambdas.router.failures import UpstreamError
from lambdas.router.route_table import Engine
from tests.unit.router.recorded import tgi_text, vllm_chunk

ON_VLLM = AnswerForm("job-parsing", "req-1", Engine.VLLM)
ON_TGI = AnswerForm("job-parsing", "req-1", Engine.TGI)
FIRST = vllm_chunk({"content": "first"})


def event(chunk: dict[str, Any], *, ascii_only: bool = False) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=ascii_only)}\n\n".encode("utf-8", "surrogatepass")


class GivenOut(NamedTuple):
    """`texts`: whether there was a first token, after each piece."""

    events: list[bytes]
    texts: list[bool]
    fault: str = ""


def given_out(stream: list[bytes], form: AnswerForm) -> GivenOut:
    """What the caller gets of a stream, up to the fault that ends it, if one does."""
    reader, events, texts = ChatReader(form), [], []
    try:
        for piece in stream:
            events += reader.feed(piece)
            texts.append(reader.first_token)
    except UpstreamError as fault:
        return GivenOut(events, texts, fault.message)
    return GivenOut(events, texts)


def given_out_by_parsing_each(stream: list[bytes], form: AnswerForm) -> GivenOut:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_reader, "_LESSONS", 0)
        return given_out(stream, form)


@example(["first", '"', "\\", "\n", "\x7f", "é", "\u2028", "", "first", "\ud800"], False)
@example(["first", "\x7f", "é", "\u2028", "\ud800", "", "first"], True)
@example(["Any other text.", "x", "Any other text.", "y"], False)
@example(["model", "content", ",", ":", '","', "job-parsing", "assistant"], True)
@given(st.lists(st.text(max_size=8), min_size=2, max_size=8), st.booleans())
def test_every_text_comes_out_as_if_its_chunk_had_been_parsed(texts: list[str], ascii_only: bool) -> None:
    stream = [event(tgi_text(text), ascii_only=ascii_only) for text in texts]
    assert given_out(stream, ON_TGI) == given_out_by_parsing_each(stream, ON_TGI)


@given(st.lists(st.binary(max_size=4).filter(lambda raw: b"\n" not in raw), min_size=1, max_size=4))
def test_any_bytes_in_the_place_of_a_text_are_taken_or_refused_as_by_a_parser(texts: list[bytes]) -> None:
    before, _, after = event(FIRST).partition(b"first")
    stream = [event(FIRST), event(FIRST), *[before + text + after for text in texts]]
    assert given_out(stream, ON_VLLM) == given_out_by_parsing_each(stream, ON_VLLM)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda raw: raw.replace(b"first", b"\x01"),
        lambda raw: raw.replace(b"first", b"\xff"),
        lambda raw: raw.replace(b"first", b'fi"rst'),
        lambda raw: raw.replace(b'"first"', b'"'),
        lambda raw: raw.replace(b"first", b"\\x"),
        lambda raw: raw.replace(b"}]}", b"}]"),
        lambda raw: raw.replace(b'"content"', b'"content'),
    ],
)
def test_a_malformed_chunk_is_a_fault_however_well_its_like_is_known(spoilt: Any) -> None:
    known = [event(FIRST)] * 3
    assert not given_out(known, ON_VLLM).fault
    fault = given_out([*known, spoilt(event(FIRST))], ON_VLLM).fault
    assert "not valid JSON" in fault or "not UTF-8" in fault


def test_a_known_chunk_after_the_end_of_its_answer_is_a_fault() -> None:
    stream = [*[event(FIRST)] * 3, event(vllm_chunk({"content": ""}, "stop")), event(FIRST)]
    assert given_out(stream, ON_VLLM).fault == "the stream goes on after its finish_reason"


@pytest.mark.parametrize(
    "form",
    [
        ON_VLLM._replace(json=True),
        ON_TGI._replace(stop=("st",)),
    ],
)
def test_texts_that_are_looked_at_are_looked_at_in_every_chunk(form: AnswerForm) -> None:
    texts = ["fir", "st", "{}"]
    stream = [event(vllm_chunk({"content": text})) for text in texts]
    stream.append(event(vllm_chunk({"content": ""}, "stop")))
    assert given_out(stream, form) == given_out_by_parsing_each(stream, form)


@pytest.mark.parametrize("text", ["x", "Any other text."])
def test_a_text_that_is_the_models_name_too_is_found_in_its_own_place(text: str) -> None:
    names = (text, text, "y", text)
    stream = [event({**vllm_chunk({"content": text}), "model": name}) for name in names]
    assert given_out(stream, ON_VLLM) == given_out_by_parsing_each(stream, ON_VLLM)


def test_what_goes_with_a_text_is_passed_on_with_every_text() -> None:
    """vLLM gives a choice's token ids when it is asked for them, and reasoning beside a text."""
    with_ids = vllm_chunk({"content": "first"})
    with_ids["choices"][0]["token_ids"] = [7]
    thinking = vllm_chunk({"content": "first", "reasoning_content": "so"})
    likely = vllm_chunk({"content": "first"})
    likely["choices"][0]["logprobs"] = {"content": [{"token": "first", "logprob": -0.5}]}
    chunks = (
        (with_ids, b'"token_ids":[7]'),
        (thinking, b'"reasoning_content":"so"'),
        (likely, b'"logprob":-0.5'),
    )
    for chunk, member in chunks:
        assert all(member in given for given in given_out([event(chunk)] * 4, ON_VLLM).events)


def test_two_answers_in_a_chunk_are_two_in_every_chunk() -> None:
    chunk = vllm_chunk({"content": "first"})
    chunk["choices"].append({**chunk["choices"][0], "index": 1})
    stream = [event(chunk)] * 4
    assert len(given_out(stream, ON_VLLM._replace(answers=2)).events) == 8


def test_chunks_without_a_text_are_no_first_token_and_do_not_hide_it() -> None:
    stream = [event(vllm_chunk({"content": text})) for text in ("", "", "first")]
    assert given_out(stream, ON_VLLM).texts == [False, False, True]


def test_usage_in_every_chunk_is_counted_in_every_chunk() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    reader = ChatReader(ON_VLLM)
    for _ in range(4):
        reader.feed(event({**FIRST, "usage": usage}))
    assert reader.completion_tokens == 4


def test_parsing_stops_where_chunks_are_alike_and_goes_on_where_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[bytes] = []

    def parse(data: bytes) -> dict[str, Any]:
        parsed.append(data)
        document: dict[str, Any] = json.loads(data)
        return document

    monkeypatch.setattr(openai_reader, "event_document", parse)
    reader = ChatReader(ON_VLLM)
    for created in range(1, 6):  # TGI's chunks tell the second in which they were made
        for _ in range(10):
            reader.feed(event({**FIRST, "created": created}))
    assert len(parsed) == 5
    for created in range(50):  # chunks that are never alike are not got to know
        reader.feed(event({**FIRST, "created": created}))
    assert len(parsed) == 55
