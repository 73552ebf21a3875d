"""Every byte of a file lies in exactly one part, and S3 takes every part."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.weights import parts
from lambdas.weights.errors import BadRequest
from lambdas.weights.parts import (
    LARGEST_OBJECT_BYTES,
    MIB,
    MOST_PARTS,
    SMALLEST_PART_BYTES,
    part_size,
    spans,
)
from lambdas.weights.planning import missing_spans
from lambdas.weights.uploads import StoredPart


@given(size=st.integers(0, 3000), part=st.integers(1, 700), seed=st.integers(0, 99))
def test_parts_put_together_in_order_are_the_file_whatever_order_they_came_in(
    size: int, part: int, seed: int
) -> None:
    file = random.Random(seed).randbytes(size)  # noqa: S311 -- repeatable bytes
    arrived = spans(size, part)
    random.Random(seed).shuffle(arrived)  # noqa: S311 -- a repeatable order

    stored = {span.number: file[span.offset : span.last + 1] for span in arrived}

    assert b"".join(stored[number] for number in sorted(stored)) == file
    assert sum(span.length for span in arrived) == size


def test_a_part_is_as_large_as_is_wanted_where_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        parts, "SMALLEST_PART_BYTES", 32 * 1024
    )  # as where stages are killed between small parts

    assert part_size(100_000, 40_000) == 40_000
    assert part_size(MOST_PARTS * 40_000, 40_000) == 40_000
    assert part_size(MOST_PARTS * 40_000 + 1, 40_000) == MIB


@given(size=st.integers(1, LARGEST_OBJECT_BYTES), wanted=st.integers(1, 1024 * MIB))
def test_s3_takes_every_part_of_every_file_that_an_object_can_hold(size: int, wanted: int) -> None:
    part = part_size(size, wanted)

    assert part >= max(wanted, SMALLEST_PART_BYTES)
    assert -(-size // part) <= MOST_PARTS


def test_the_wanted_part_size_is_kept_where_ten_thousand_parts_are_enough() -> None:
    assert part_size(640_000 * MIB, 64 * MIB) == 64 * MIB
    assert part_size(640_001 * MIB, 64 * MIB) == 65 * MIB


def test_a_file_that_no_object_can_hold_is_refused() -> None:
    with pytest.raises(BadRequest, match="an S3 object has at most"):
        part_size(LARGEST_OBJECT_BYTES + 1, 64 * MIB)


@given(size=st.integers(1, 500), part=st.integers(1, 60), have=st.sets(st.integers(1, 20)))
def test_what_an_upload_lacks_and_what_it_has_are_the_whole_file(
    size: int, part: int, have: set[int]
) -> None:
    wanted = spans(size, part)
    stored = {
        span.number: StoredPart(span.number, span.length, "etag", None)
        for span in wanted
        if span.number in have
    }

    missing = missing_spans(wanted, stored)

    assert {span.number for span in missing} | set(stored) == {span.number for span in wanted}
    assert not {span.number for span in missing} & set(stored)


def test_parts_of_another_size_are_copied_over() -> None:
    stored = {1: StoredPart(1, 10, "etag", None), 2: StoredPart(2, 9, "etag", None)}

    assert [span.number for span in missing_spans(spans(20, 10), stored)] == [2]
