"""Stop sequences in text that arrives in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endpoints.local.model_server.stops import StopMatcher

TEXT = st.text("ab.", max_size=30)
SEQUENCES = st.lists(st.text("ab.", min_size=1, max_size=4), max_size=3)


def run(pieces: list[str], sequences: list[str], *, withhold: bool) -> tuple[str, bool]:
    matcher, passed = StopMatcher(sequences, withhold=withhold), ""
    for piece in pieces:
        passed += matcher.push(piece)
        if matcher.matched:
            return passed, True
    return passed + matcher.rest(), False


def test_tgi_ends_with_the_stop_sequence() -> None:
    assert run(["one", " two. three"], ["."], withhold=False) == ("one two.", True)


def test_vllm_ends_before_it() -> None:
    assert run(["one", " two. three"], ["."], withhold=True) == ("one two", True)


def test_a_stop_sequence_may_be_spread_over_pieces() -> None:
    assert run(["a", "#", "#", "b"], ["##"], withhold=False) == ("a##", True)
    assert run(["a", "#", "#", "b"], ["##"], withhold=True) == ("a", True)


def test_what_only_looked_like_the_beginning_is_passed_on() -> None:
    assert run(["a#", "b", "#"], ["##"], withhold=True) == ("a#b#", False)


@given(TEXT, SEQUENCES)
def test_without_a_match_the_text_is_unchanged(text: str, sequences: list[str]) -> None:
    if not any(sequence in text for sequence in sequences):
        for withhold in (True, False):
            assert run(list(text), sequences, withhold=withhold) == (text, False)


@given(TEXT, SEQUENCES)
def test_a_match_is_found_wherever_the_pieces_are_cut(text: str, sequences: list[str]) -> None:
    if any(sequence in text for sequence in sequences):
        passed, matched = run(list(text), sequences, withhold=False)
        assert matched
        assert text.startswith(passed)
        assert any(passed.endswith(sequence) for sequence in sequences)
        withheld, matched = run(list(text), sequences, withhold=True)
        assert matched
        assert not any(sequence in withheld for sequence in sequences)
