"""What to try instead of an unknown name."""

from __future__ import annotations

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.catalogue.catalogue import MOST_SUGGESTED, suggest

MODELS = load_catalogue().by_model_id


@pytest.mark.parametrize("part", ["phi-3", "PHI-3", " Phi-3 "])
def test_part_of_a_name_suggests_every_name_that_holds_it(part: str) -> None:
    assert suggest(part, MODELS) == (
        "Did you mean: microsoft/Phi-3-medium-4k-instruct, microsoft/Phi-3-mini-128k-instruct, "
        "microsoft/Phi-3-mini-4k-instruct?"
    )


def test_another_case_is_the_name_itself() -> None:
    assert suggest("qwen/QWEN2.5-7b-instruct-AWQ", MODELS) == "Did you mean: Qwen/Qwen2.5-7B-Instruct-AWQ?"


def test_a_slip_of_the_pen_suggests_the_closest_first_with_and_without_the_owner() -> None:
    for slip in ("mistral-7b-instuct-v0.3", "mistralai/mistral-7b-instuct-v0.3"):
        assert suggest(slip, MODELS).startswith("Did you mean: mistralai/Mistral-7B-Instruct-v0.3, ")


def test_many_names_that_hold_it_are_counted_not_listed() -> None:
    answer = suggest("llama", MODELS)
    holding = [name for name in MODELS if "llama" in name.lower()]

    assert f"and {len(holding) - MOST_SUGGESTED} more" in answer
    assert answer.count("/") == MOST_SUGGESTED


@pytest.mark.parametrize("key", ["", "zzzz"])
def test_nothing_like_it_says_what_there_is(key: str) -> None:
    assert suggest(key, ["local", "staging"]) == "Known: local, staging."
