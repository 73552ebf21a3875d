"""Prompts and answers in the log: only where a use case wants them, redacted, bounded, in OpenTelemetry's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.messages import Request
from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.telemetry.texts import CUT, INPUT, MAX_LOGGED_CHARS, OUTPUT, text_fields
from lambdas.router.trace import MAX_TEXT_BYTES, Texts
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import chat_body, chat_request, chunk, completion, events
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, streamed, use_case_table

SECRET = "My address is jane@example.org"
PLACE = Place("test")


def _line(request: Request, answer: bytes, *, log_text: bool = True, **options: Any) -> dict[str, Any]:
    async def story() -> dict[str, Any]:
        world = World(FakeUpstream(primary=answer), use_case_table(log_text=log_text))
        await world.ask(request, **options)
        line: dict[str, Any] = json.loads(request_line(world.traces[0], PLACE))
        return line

    return run_virtual(story())


def _asking(**fields: Any) -> dict[str, Any]:
    return chat_body(
        messages=[{"role": "system", "content": "Be brief"}, {"role": "user", "content": SECRET}], **fields
    )


ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief"}]},
    {"role": "user", "parts": [{"type": "text", "content": "My address is [email]"}]},
]


def test_unless_the_use_case_wants_it_no_word_is_logged() -> None:
    line = json.dumps(_line(chat_request(_asking()), completion("Thank you"), log_text=False))
    assert "Be brief" not in line
    assert "Thank you" not in line
    assert "jane" not in line


def test_prompt_and_answer_are_logged_redacted() -> None:
    line = _line(chat_request(_asking()), completion("Write to joe@example.org"))
    assert line[INPUT] == ASKED
    said = {"type": "text", "content": "Write to [email]"}
    assert line[OUTPUT] == [{"role": "assistant", "parts": [said], "finish_reason": "stop"}]


@pytest.mark.parametrize("buffered", [True, False])
def test_a_stream_is_logged_as_one_text_in_which_what_was_split_is_found(buffered: bool) -> None:
    pieces = events(chunk("Call +49 30 12"), chunk("34 5678"), chunk("", "stop"))
    line = _line(streamed(), pieces, buffered=buffered)
    said = {"type": "text", "content": "Call [phone]"}
    assert line[OUTPUT] == [{"role": "assistant", "parts": [said], "finish_reason": "stop"}]


def test_what_a_caller_left_unread_is_logged_as_far_as_it_was_given_out() -> None:
    async def story() -> dict[str, Any]:
        pieces = (events(chunk("one"), done=False), 1.0, events(chunk("two"), chunk("", "stop")))
        upstream = FakeUpstream(primary=play(*pieces))
        world = World(upstream, use_case_table(log_text=True))
        response, _ = await world.open(streamed())
        assert not isinstance(response.body, bytes)
        await anext(response.body)
        await response.body.aclose()
        line: dict[str, Any] = json.loads(request_line(world.traces[0], PLACE))
        return line

    line = run_virtual(story())
    assert (line["ended"], line["error.type"]) == ("gone", "caller_gone")
    assert line[OUTPUT] == [{"role": "assistant", "parts": [{"type": "text", "content": "one"}]}]


@pytest.mark.parametrize(
    ("prompt", "answer", "asked", "answered"),
    [
        ({"prompt": ["a", "b"]}, {"choices": [{"index": 0, "text": "c"}]}, ["a", "b"], ["c"]),
        ({"inputs": "a"}, {"generated_text": "b"}, ["a"], ["b"]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, {}, ["a"], []),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [
            {"function": {"name": "find", "arguments": '{"to": "a@example.org"}'}}]}]}, {}, ['{"to": "[email]"}'], []),
    ],
)  # fmt: skip
def test_every_schemas_texts_are_found(
    prompt: object, answer: object, asked: list[str], answered: list[str]
) -> None:
    fields = text_fields(Texts(json.dumps(prompt).encode(), json.dumps(answer).encode()))
    for name, texts in ((INPUT, asked), (OUTPUT, answered)):
        assert [part["content"] for message in fields[name] for part in message["parts"]] == texts


def test_a_generations_stream_is_its_tokens() -> None:
    first, last = {"token": {"text": "a"}}, {"token": {"text": "b"}, "generated_text": "ab"}
    fields = text_fields(Texts(b"{}", events(first, last, done=False)))
    assert fields[OUTPUT][0]["parts"] == [{"type": "text", "content": "ab"}]


def test_a_long_text_is_cut_after_it_was_redacted() -> None:
    """Given an address across the cut; then no half of it is left."""
    text = "x " * (MAX_LOGGED_CHARS // 2 - 5) + "jane.doe@example.org " + "y" * 100
    fields = text_fields(Texts(json.dumps({"inputs": text}).encode()))
    logged = fields[INPUT][0]["parts"][0]["content"]
    assert len(logged) == MAX_LOGGED_CHARS + len(CUT)
    assert "jane" not in logged


def test_a_prompt_of_which_only_the_beginning_was_kept_is_redacted_behind_its_escapes() -> None:
    text = (
        'from jörg.müller@example.org: {"password": "hunter2hunter2"}\n+49 30 1234 5678 '
        + "x " * MAX_TEXT_BYTES
    )
    fields = text_fields(Texts(json.dumps({"inputs": text}).encode()))
    logged = fields[INPUT][0]["parts"][0]["content"]
    assert 'from [email]: {"password": "[key]"} [phone] x x' in logged


def test_an_index_that_is_none_is_the_first_choices() -> None:
    answer = {"choices": [{"index": [], "message": {"content": "a"}}, {"index": {}, "text": "b"}]}
    assert text_fields(Texts(b"", json.dumps(answer).encode()))[OUTPUT][0]["parts"][0]["content"] == "ab"


@given(prompt=st.binary(max_size=200), answer=st.binary(max_size=200))
def test_any_bytes_can_be_logged(prompt: bytes, answer: bytes) -> None:
    json.dumps(text_fields(Texts(prompt, answer)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "content", "text", "tool_calls", "function", "index", "token"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(answer=_JSON, messages=_JSON)
def test_any_document_can_be_logged(answer: object, messages: object) -> None:
    json.dumps(text_fields(Texts(json.dumps({"messages": messages}).encode(), json.dumps(answer).encode())))


def test_no_more_is_kept_than_is_bounded() -> None:
    texts = Texts(b"p" * 2 * MAX_TEXT_BYTES)
    for _ in range(3):
        texts.add(b"a" * MAX_TEXT_BYTES)
    assert (len(texts.prompt), len(texts.answer)) == (MAX_TEXT_BYTES, MAX_TEXT_BYTES)
