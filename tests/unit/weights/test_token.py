"""What can be a token, said without repeating it."""

from __future__ import annotations

import pytest

from endpoints.weights.token import token_fault

TOKEN = "hf_" + "x" * 34


def test_a_token_of_the_hub() -> None:
    assert token_fault(TOKEN) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        (" " + TOKEN, "blanks"),
        (TOKEN + "\n", "blanks"),
        (TOKEN + " " + TOKEN, "blanks"),
        ("export\tHF_TOKEN", "blanks"),
        ("hf_" + "ü" * 34, "no token has"),
        ("hf_" + "x" * 600, "603 characters"),
        ("x" * 37, "not in the shape"),
        ("hf_short", "not in the shape"),
        ("hf_" + "x" * 33 + "!", "not in the shape"),
    ],
)
def test_what_cannot_be_one_and_why(text: str, fault: str) -> None:
    said = token_fault(text)

    assert said is not None
    assert fault in said
    assert not text.strip() or text.strip() not in said


def test_a_mirror_may_have_tokens_of_another_shape() -> None:
    assert token_fault("x" * 37, of_the_hub=False) is None
    assert token_fault("a b", of_the_hub=False) is not None
