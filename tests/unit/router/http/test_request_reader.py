"""Bytes -> requests: the same however they are cut, bounded, and never an exception but `Refused`."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import MAX_HEAD_BYTES, RawRequest, RequestReader
from tests.unit.router.http.wire import GET, LIMIT_BYTES, post

CHUNKED = b"POST /c HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
THREE = GET + post(b'{"a": 1}', "X-Twice: 1", "x-twice: 2") + CHUNKED


def read(*pieces: bytes) -> list[RawRequest]:
    reader = RequestReader(lambda: LIMIT_BYTES)
    for piece in pieces:
        reader.feed(piece)
    return list(reader.ready)


def refusal_of(*pieces: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(*pieces)
    return caught.value


def test_pipelined_requests_are_read_in_turn_with_lower_case_names_and_joined_values() -> None:
    get, posted, chunked = read(THREE)
    assert (get.method, get.target, get.body, get.keep_alive) == ("GET", "/a", b"", True)
    assert posted.headers["x-twice"] == "1, 2"
    assert posted.body == b'{"a": 1}'
    assert chunked.body == b"abcde"


@given(st.lists(st.integers(0, len(THREE)), max_size=8))
def test_how_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(THREE)]
    pieces = [THREE[a:b] for a, b in pairwise(edges) if a < b]
    assert read(*pieces) == read(THREE)


@given(
    st.binary(max_size=300)
    | st.builds(lambda cut, junk: THREE[:cut] + junk, st.integers(0, 160), st.binary())
)
def test_nothing_but_a_refusal_comes_of_any_bytes(data: bytes) -> None:
    with suppress(Refused):
        read(data)


def test_a_body_is_refused_by_its_announced_length_before_it_comes_and_by_its_chunks_as_they_come() -> None:
    assert refusal_of(post(b"", length=LIMIT_BYTES + 1)).status == 413
    head = b"POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    assert refusal_of(head, chunk, chunk, chunk).status == 413
    assert read(post(b"x" * LIMIT_BYTES))[0].body == b"x" * LIMIT_BYTES


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nx: ", b"y" * MAX_HEAD_BYTES],  # a line without an end
        [b"GET /" + b"y" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n", *[b"x-%d: %b\r\n" % (n, b"y" * 200) for n in range(100)]],
    ],
)
def test_a_head_beyond_its_limit_is_refused(pieces: list[bytes]) -> None:
    assert refusal_of(*pieces).status == 431


def test_what_follows_a_body_in_chunks_is_no_header() -> None:
    trailed = CHUNKED.removesuffix(b"\r\n") + b"host: other\r\nx-request-id: late\r\n\r\n"
    (request,) = read(trailed)
    assert request.headers == {"host": "t", "transfer-encoding": "chunked"}
    assert request.body == b"abcde"


@pytest.mark.parametrize(
    "begin",
    [
        CHUNKED.removesuffix(b"\r\n") + b"x: ",  # a trailer
        CHUNKED.removesuffix(b"0\r\n\r\n") + b"1;extension=",  # of a chunk
    ],
)
def test_a_line_without_an_end_is_refused_in_a_body_too(begin: bytes) -> None:
    assert refusal_of(begin, *[b"y" * 1000] * (MAX_HEAD_BYTES // 1000 + 1)).status == 431


def test_a_body_in_many_small_chunks_whose_lines_come_by_themselves_is_taken() -> None:
    head, rest = CHUNKED[: CHUNKED.index(b"3\r\n")], [b"1\r\n", b"x", b"\r\n"] * LIMIT_BYTES
    assert read(head, *rest, b"0\r\n\r\n")[0].body == b"x" * LIMIT_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS towards a plain port
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello",  # smuggling
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_is_refused(data: bytes) -> None:
    assert refusal_of(data).status == 400


@pytest.mark.parametrize(
    "data",
    [
        b"GET /a HTTP/1.1\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n",
        b"CONNECT host:443 HTTP/1.1\r\n\r\nbytes of another protocol",
    ],
)
def test_another_protocol_is_not_taken_and_the_connection_ends_after_the_answer(data: bytes) -> None:
    (request,) = read(data)
    assert not request.keep_alive


def test_older_clients_get_no_chunks_and_keep_the_connection_only_where_they_say_so() -> None:
    (plain,) = read(b"GET / HTTP/1.0\r\n\r\n")
    assert (plain.takes_chunks, plain.keep_alive) == (False, False)
    (kept,) = read(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert kept.keep_alive
    (closing,) = read(b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
    assert not closing.keep_alive


def test_a_client_that_waits_before_its_body_is_noticed_once() -> None:
    reader = RequestReader(lambda: LIMIT_BYTES)
    reader.feed(post(b"", "expect: 100-continue", length=3))
    assert reader.wants_continue
    reader.feed(b"abc")
    assert not reader.wants_continue
    assert reader.ready[0].body == b"abc"
