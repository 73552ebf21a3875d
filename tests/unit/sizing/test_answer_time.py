"""What a whole answer may take, from the target for its first token and the router's patience."""

from __future__ import annotations

import pytest

from endpoints.catalogue import UseCase, load_catalogue
from endpoints.sizing.answer_time import MS_PER_OUTPUT_TOKEN, answer_target_ms


def _use_case(*, max_output_tokens: int, timeout_ms: int = 25_000) -> UseCase:
    example = load_catalogue().use_case("query-enhancement")
    limits = example.limits.model_copy(
        update={"max_output_tokens": max_output_tokens, "timeout_ms": timeout_ms}
    )
    return example.model_copy(update={"latency_target_ms": 100, "limits": limits})


def test_short_answers_may_take_the_target_and_their_tokens() -> None:
    assert answer_target_ms(_use_case(max_output_tokens=20), candidates=1) == 100 + 20 * MS_PER_OUTPUT_TOKEN


@pytest.mark.parametrize(("candidates", "target_ms"), [(1, 20_000), (2, 10_000)])
def test_long_answers_may_take_most_of_what_the_router_gives_a_candidate(
    candidates: int, target_ms: int
) -> None:
    """Given 25 s for the request; then 80 % of the first candidate's share, before answers are cut off."""
    assert answer_target_ms(_use_case(max_output_tokens=1024), candidates=candidates) == target_ms
