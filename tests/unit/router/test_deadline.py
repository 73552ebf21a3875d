"""How a request's time is spent over its attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.deadline import GATEWAY_LIMIT_S, MARGIN_S, Deadline, plan_deadline

SECONDS = st.floats(0, 1000)


@pytest.mark.parametrize(
    ("timeout_ms", "process_left_s", "expected_s"),
    [
        (10_000, None, 10.0),  # the use case's own limit
        (10_000, 29.0, 10.0),
        (25_000, 6.0, 5.5),  # the Lambda's remaining time, less the margin
        (900_000, None, 28.5),  # API Gateway's patience, less the margin
        (900_000, 900.0, 28.5),
        (10_000, 0.1, 0.0),  # nothing left
    ],
)
def test_the_deadline_is_the_nearest_of_three_limits(
    timeout_ms: int, process_left_s: float | None, expected_s: float
) -> None:
    assert (
        plan_deadline(100.0, timeout_ms=timeout_ms, process_left_s=process_left_s, gateway_waited_s=0.0).at_s
        == 100.0 + expected_s
    )


@pytest.mark.parametrize(
    ("timeout_ms", "waited_s", "expected_s"),
    [
        (28_000, 3.0, 25.5),  # a cold start: the Lambda has all its 29 s, API Gateway has 26 left
        (10_000, 3.0, 10.0),
        (28_000, 28.9, 0.0),
    ],
)
def test_what_api_gateway_has_waited_before_the_lambda_ran_counts_in_its_limit(
    timeout_ms: int, waited_s: float, expected_s: float
) -> None:
    deadline = plan_deadline(100.0, timeout_ms=timeout_ms, process_left_s=29.0, gateway_waited_s=waited_s)
    assert deadline.at_s == 100.0 + expected_s


def test_a_primary_that_may_hang_leaves_the_alternative_its_half() -> None:
    assert Deadline(20.0).attempt_budget_s(0.0, 2) == 10.0


def test_what_the_primary_does_not_use_goes_to_the_alternative() -> None:
    assert Deadline(20.0).attempt_budget_s(1.0, 1) == 19.0


@pytest.mark.parametrize("now_s", [19.97, 20.0, 25.0])
def test_without_time_for_an_attempt_there_is_none(now_s: float) -> None:
    assert Deadline(20.0).attempt_budget_s(now_s, 1) is None


@given(
    timeout_ms=st.integers(1, 10**6),
    process_left_s=st.none() | SECONDS,
    waited_s=st.floats(0, 60),
    used=st.lists(st.floats(0, 1), min_size=1, max_size=6),
)
def test_planned_attempts_never_exceed_the_deadline(
    timeout_ms: int, process_left_s: float | None, waited_s: float, used: list[float]
) -> None:
    """Whatever part of its budget each attempt uses, the next one's budget ends within every limit."""
    deadline = plan_deadline(
        0.0, timeout_ms=timeout_ms, process_left_s=process_left_s, gateway_waited_s=waited_s
    )
    limit_s = min(timeout_ms / 1000, max(0.0, GATEWAY_LIMIT_S - MARGIN_S - waited_s))
    if process_left_s is not None:
        limit_s = min(limit_s, max(0.0, process_left_s - MARGIN_S))
    now_s = 0.0
    for index, part in enumerate(used):
        budget_s = deadline.attempt_budget_s(now_s, len(used) - index)
        if budget_s is None:
            break
        assert budget_s > 0
        assert now_s + budget_s <= limit_s + 1e-9
        now_s += budget_s * part
