"""The bytes before a response's body."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.http.response_head import chunk, http_date, render_head


@given(st.integers(0, 4_000_000_000))
def test_a_date_is_written_as_the_standard_library_writes_it(epoch_s: int) -> None:
    assert http_date(epoch_s) == formatdate(epoch_s, usegmt=True)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 429, 500, 502, 503, 504])
def test_a_status_bears_its_usual_phrase(status: int) -> None:
    head = render_head(status, {}, length=0, keep_alive=True)
    assert head.startswith(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode())


def test_a_status_without_a_phrase_is_one_all_the_same() -> None:
    assert render_head(299, {}, length=0, keep_alive=True).startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: evil", "a\nb", "a\rb"])
def test_a_value_of_several_lines_cannot_become_a_header_of_its_own(value: str) -> None:
    head = render_head(200, {"x-a": value, "x-b": "é한"}, length=None, keep_alive=False)
    lines = head.split(b"\r\n")
    assert [line.partition(b":")[0] for line in lines[1:]] == [
        b"date",
        b"x-a",
        b"x-b",
        b"connection",
        b"",
        b"",
    ]
    assert b"\n" not in lines[2]


def test_an_empty_piece_is_no_chunk_because_it_would_end_the_body() -> None:
    assert chunk(b"") == b""
    assert chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
