"""A stream is passed on whole or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router import sse
from lambdas.router.failures import UpstreamError
from lambdas.router.sse import SseDecoder
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import (
    ask,
    chat_body,
    chat_request,
    chunk,
    decoded_events,
    error_of,
    events,
    whole_stream,
)

STREAMED = chat_request(chat_body(stream=True))


def test_a_complete_stream_comes_as_server_sent_events_with_its_end_marker() -> None:
    response, _ = ask(STREAMED, FakeUpstream(primary=whole_stream()))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, end = decoded_events(response.body)
    assert end == "[DONE]"
    assert [each["choices"][0]["delta"].get("content") for each in chunks] == ["he", "llo", None]
    assert {each["model"] for each in chunks} == {"query-enhancement"}
    assert {each["id"] for each in chunks} == {"chatcmpl-req-1"}


def test_the_container_is_asked_to_stream() -> None:
    upstream = FakeUpstream(primary=whole_stream())
    ask(STREAMED, upstream)
    assert upstream.calls[0].stream
    assert upstream.body()["stream"] is True


def test_usage_in_the_last_chunk_is_counted() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    stream = events(chunk("x", "stop"), chunk(choices=[], usage=usage))
    _, trace = ask(STREAMED, FakeUpstream(primary=stream))
    assert (trace.prompt_tokens, trace.completion_tokens) == (4, 2)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        events(chunk("he"), done=False),  # cut between events
        events(chunk("he"), chunk("", "stop"), done=False),  # everything but the end marker
        events(chunk("he")),  # an end marker, but the answer has no end
        events(
            chunk("a", "stop"), chunk(choices=[{"index": 1, "delta": {"content": "b"}}])
        ),  # one of two choices
        whole_stream().removesuffix(b"\n"),  # cut inside the end marker's event
        events(chunk("he")) + b"data: {\n\n",
        b"data: {\n\n" + whole_stream(),  # not JSON
        b'data: "text"\n\n' + whole_stream(),
        events({"object": "chat.completion.chunk"}, chunk("", "stop")),  # no choices
        events(chunk(choices=["x"]), chunk("", "stop")),
        events(chunk(choices=[{"index": [], "delta": {}}]), chunk("", "stop")),
        events(done=True),
        events(
            chunk("he"), {"error": {"message": "gpu lost", "http_status_code": 500}}
        ),  # TGI adds [DONE] here
        events(chunk("he"), {"error": "gpu lost", "error_type": "generation"}),
        b"event: ping\n\n",
    ],
)
def test_a_stream_that_is_cut_or_broken_falls_over(stream: bytes) -> None:
    upstream = FakeUpstream(primary=stream, alternative=whole_stream())
    response, _ = ask(STREAMED, upstream)
    assert response.status == 200
    assert response.headers["x-adept-candidate"] == "alternative"

    alone, _ = ask(STREAMED, FakeUpstream(primary=stream, alternative=stream))
    assert alone.status == 502
    error_of(alone)


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "too long", "http_status_code": 422}},  # TGI
        {"error": {"message": "too long", "code": 400}},  # vLLM
        {"error": "too long", "error_type": "validation"},  # TGI, outside chat
    ],
)
def test_an_error_event_that_blames_the_request_is_the_callers(event: dict[str, object]) -> None:
    upstream = FakeUpstream(primary=events(event), alternative=whole_stream())
    response, _ = ask(STREAMED, upstream)
    assert response.status == 400
    assert error_of(response)["message"] == "too long"
    assert upstream.asked == ["primary"]


@pytest.mark.parametrize(
    ("error_type", "status"), [("overloaded", 429), ("generation", 502), ("incomplete_generation", 502)]
)
def test_an_error_event_of_tgi_means_what_its_status_would_have_meant(error_type: str, status: int) -> None:
    """TGI's stream has begun with 200 when it finds that it is overloaded."""
    stream = events({"error": "no", "error_type": error_type})
    response, _ = ask(STREAMED, FakeUpstream(primary=stream, alternative=stream))
    assert response.status == status


def test_what_follows_the_end_marker_is_not_passed_on() -> None:
    response, _ = ask(STREAMED, FakeUpstream(primary=whole_stream() + events(chunk("more"))))
    assert b"more" not in response.body


@given(st.lists(st.integers(1, 40), max_size=40), st.sampled_from([b"\n", b"\r\n"]))
def test_events_are_the_same_however_the_bytes_are_cut(cuts: list[int], newline: bytes) -> None:
    """Lines split anywhere, even inside a character or between CR and LF."""
    raw = events(chunk("지원자"), chunk("🚀", "stop")).replace(b"\n", newline)
    decoder, found, start = SseDecoder(), [], 0
    for length in [*cuts, len(raw)]:
        found += list(decoder.feed(raw[start : start + length]))
        start += length
    assert found == list(SseDecoder().feed(raw))
    assert [json.loads(data)["object"] for data in found[:-1]] == ["chat.completion.chunk"] * 2


LINES = (b"data: a", b"data:b", b"data: ", b"data", b"data:  c", b": d", b"id: e", b"data: f\r", b"\r", b"")


PIECES = st.builds(
    lambda lines, end: b"\n".join(lines) + end,
    st.lists(st.sampled_from(LINES), max_size=3),
    st.sampled_from((b"", b"\n", b"\n\n")),
)


@given(st.lists(PIECES, max_size=4))
def test_lines_of_any_kind_are_read_in_pieces_as_they_are_byte_by_byte(whole: list[bytes]) -> None:
    by_piece, by_byte = SseDecoder(), SseDecoder()
    found = [data for piece in whole for data in by_piece.feed(piece)]
    assert found == [data for byte in b"".join(whole) for data in by_byte.feed(bytes((byte,)))]


def test_an_event_that_is_too_large_is_a_fault_in_one_piece_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 20)
    assert SseDecoder().feed(b"data: 1234567890\n\n" * 3) == [b"1234567890"] * 3
    with pytest.raises(UpstreamError, match="more than 20 bytes"):
        SseDecoder().feed(b"data: 123456789012345678901\n\n")


@given(st.binary(max_size=400))
def test_no_bytes_of_a_model_server_can_crash_the_router(noise: bytes) -> None:
    for stream in (noise, whole_stream()[:50] + noise, noise + whole_stream()):
        response, _ = ask(STREAMED, FakeUpstream(primary=stream, alternative=stream))
        assert response.status in (200, 400, 502)
        whole, _ = ask(chat_request(), FakeUpstream(primary=stream, alternative=stream))
        error_of(whole)
