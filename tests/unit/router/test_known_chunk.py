"""Chunks that are read without a parser: the caller gets what a parser would have given, and no fault gets through."""

from __future__ import annotations

import json
from typing import Any

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


def given_out(stream: list[bytes], form: AnswerForm) -> list[bytes] | str:
    """The caller's events of a stream, or the fault that ended it."""
    reader, events = ChatReader(form), []
    try:
        for piece in stream:
            events += reader.feed(piece)
    except UpstreamError as fault:
        return fault.message
    return events


def given_out_by_parsing_each(stream: list[bytes], form: AnswerForm) -> list[bytes] | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_reader, "_LESSONS", 0)
        return given_out(stream, form)


@example(["first", '"', "\\", "\n", "\x7f", "é", "\u2028", "\ud800", "", "first"], False)
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
    assert isinstance(given_out(known, ON_VLLM), list)
    assert "not valid JSON" in given_out([*known, spoilt(event(FIRST))], ON_VLLM) or (
        "not UTF-8" in given_out([*known, spoilt(event(FIRST))], ON_VLLM)
    )


def test_a_known_chunk_after_the_end_of_its_answer_is_a_fault() -> None:
    stream = [*[event(FIRST)] * 3, event(vllm_chunk({"content": ""}, "stop")), event(FIRST)]
    assert given_out(stream, ON_VLLM) == "the stream goes on after its finish_reason"


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


def test_a_text_that_is_the_models_name_too_is_found_in_its_own_place() -> None:
    stream = [event({**vllm_chunk({"content": text}), "model": "x"}) for text in ("x", "x", "y", "x")]
    assert given_out(stream, ON_VLLM) == given_out_by_parsing_each(stream, ON_VLLM)


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
