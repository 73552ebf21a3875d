"""The router's decoder of AWS's event stream encoding against botocore's."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.eventstream import EventStreamDecoder, EventStreamError
from tests.unit.router.support import event_message

HEADERS = st.dictionaries(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=20),
    st.text(st.characters(codec="ascii"), max_size=30),
    max_size=4,
)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=100)), max_size=4)


def _texts(event: Any) -> dict[str, str]:
    return {name: value for name, value in event.headers.items() if isinstance(value, str)}


def theirs(pieces: list[bytes]) -> list[tuple[dict[str, str], bytes]] | None:
    """What botocore decodes; None where it refuses."""
    buffer, messages = EventStreamBuffer(), []
    try:
        for piece in pieces:
            buffer.add_data(piece)
            messages += [(_texts(event), event.payload) for event in buffer]
    except (ParserError, ValueError, KeyError, struct.error):
        return None
    return messages


def ours(pieces: list[bytes]) -> list[tuple[dict[str, str], bytes]] | None:
    decoder, messages = EventStreamDecoder(), []
    try:
        for piece in pieces:
            messages += [(dict(headers), payload) for headers, payload in decoder.feed(piece)]
    except EventStreamError:
        return None
    return messages


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(each, len(data)) for each in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=6))
def test_messages_are_decoded_as_botocore_does_however_they_are_cut(
    messages: list[tuple[dict[str, str], bytes]], cuts: list[int]
) -> None:
    data = b"".join(event_message(headers, payload) for headers, payload in messages)
    pieces = cut(data, cuts)
    assert ours(pieces) == theirs(pieces) == messages


@given(MESSAGES.filter(bool), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused_where_botocore_refuses_it(
    messages: list[tuple[dict[str, str], bytes]], at: int, change: int
) -> None:
    data = bytearray(b"".join(event_message(headers, payload) for headers, payload in messages))
    data[at % len(data)] ^= change
    assert ours([bytes(data)]) == theirs([bytes(data)])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_waited_for_as_botocore_does(data: bytes) -> None:
    assert ours([data]) == theirs([data])
