"""How long the stager waits for a Hub that wants fewer requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambdas.weights.errors import HubRateLimited
from lambdas.weights.patience import DEFAULT_WAIT_S, Patience, wait_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30),
        ({"retry-after": "Wed, 31 Dec 2025 23:00:00 GMT"}, 0),
        ({"ratelimit": '"resolvers";r=0;t=55'}, 55),
        ({"retry-after": "3", "ratelimit": '"resolvers";r=0;t=55'}, 3),
        ({"ratelimit": '"resolvers";r=12;t=55'}, DEFAULT_WAIT_S),
        ({"retry-after": "soon"}, DEFAULT_WAIT_S),
        ({}, DEFAULT_WAIT_S),
    ],
)
def test_the_hub_says_how_long(headers: dict[str, str], seconds: float) -> None:
    assert wait_s(headers, NOW) == seconds


def test_a_wait_that_fits_is_waited() -> None:
    slept: list[float] = []
    Patience(left_s=lambda: 200.0, sleep=slept.append).wait({"retry-after": "60"})

    assert slept == [60.0]


@pytest.mark.parametrize(("left_s", "asked"), [(900.0, "121"), (150.0, "60")])
def test_a_wait_that_is_too_long_or_leaves_no_time_is_step_functions_business(
    left_s: float, asked: str
) -> None:
    with pytest.raises(HubRateLimited, match=f"for {asked} s"):
        Patience(left_s=lambda: left_s, sleep=_never).wait({"retry-after": asked})


def test_it_is_not_endless() -> None:
    patience = Patience(left_s=lambda: 900.0, sleep=lambda _seconds: None)
    for _ in range(3):
        patience.wait({"retry-after": "1"})

    with pytest.raises(HubRateLimited):
        patience.wait({"retry-after": "1"})


def _never(_seconds: float) -> None:
    raise AssertionError("it slept")
