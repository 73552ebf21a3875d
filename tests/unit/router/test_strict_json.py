"""JSON without surprises: what is parsed is what Python parses, what is written is what Python writes, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdas.router.strict_json import MAX_DEPTH, JsonError, dumps, loads

TEXTS = st.text(st.characters(codec=None), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
WHITE_SPACE = st.text(" \t\n\r", max_size=2)


class Word(StrEnum):
    YES = "yes"


@example({"a": [Word.YES, "\x7f\u2028\ud800", 1e308, -0.0, 10**30], "": {}, "b": [], "c": (1, None)})
@given(DOCUMENTS)
def test_what_is_written_is_what_python_writes_and_can_be_read_again(document: Any) -> None:
    written = dumps(document)
    assert written == json.dumps(document, separators=(",", ":"))
    assert written.isascii()
    assert loads(written) == json.loads(written)


@given(DOCUMENTS, WHITE_SPACE, WHITE_SPACE)
def test_white_space_around_a_document_says_nothing(document: Any, before: str, after: str) -> None:
    assert loads(f"{before}{json.dumps(document)}{after}".encode()) == document


@given(st.text('{}[]",:0 \n\\ae-.', max_size=10))
def test_what_python_does_not_parse_is_not_parsed(text: str) -> None:
    def parsed(parse: Callable[[str], object]) -> object:
        try:
            return parse(text)
        except json.JSONDecodeError as error:
            return f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        except JsonError as error:
            return str(error)

    assert parsed(loads) == parsed(json.loads)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "line 1, column 1"),
        (b"{} {}", "Extra data (line 1, column 4)"),
        (b"\n {}x", "Extra data (line 2, column 4)"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b"[NaN]", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"1e999", "too large"),
        (b"1" * 5000, "too large"),
        (b"[" * (MAX_DEPTH + 1) + b"0" + b"]" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} deep"),
        (b"[" * 100_000, f"more than {MAX_DEPTH} deep"),
    ],
)
def test_what_is_not_taken_is_told_with_its_place(raw: bytes, told: str) -> None:
    with pytest.raises(JsonError) as raised:
        loads(raw)
    assert told in str(raised.value)


def test_brackets_side_by_side_or_in_a_text_are_not_depth() -> None:
    assert loads(b"[" + b",".join([b"[]"] * 100) + b"]") == [[]] * 100
    assert loads(b'"' + b"[" * 100 + b'"') == "[" * 100
