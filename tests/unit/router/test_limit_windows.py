"""Which limits there are, what their counts are called, and when they begin anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.limits.settings import LimitSettings, read_limits
from lambdas.router.limits.window import duration, requests_of_a_minute, tokens_of_a_day

EPOCH_S = st.floats(0, 4e9)
TABLE = {"LIMITS_TABLE": "t"}


def test_minutes_and_days_are_utcs() -> None:
    minute = requests_of_a_minute(5).at("key-1", 1_795_705_948.9)
    assert (minute.id, minute.ends_s) == ("requests#2026-11-26T15:12#key-1", 1_795_705_980)
    assert (minute.reset_s(1_795_705_948.9), minute.expires_at) == (32, 1_795_709_580)
    day = tokens_of_a_day(5).at("key-1", 1_795_737_599.9)
    assert (day.id, day.reset_s(1_795_737_599.9)) == ("tokens#2026-11-26#key-1", 1)
    assert tokens_of_a_day(5).at("key-1", 1_795_737_600).id == "tokens#2026-11-27#key-1"


@given(now_s=EPOCH_S, later_s=st.floats(0, 200_000))
def test_two_moments_share_a_count_exactly_until_it_ends(now_s: float, later_s: float) -> None:
    for window in (requests_of_a_minute(1), tokens_of_a_day(1)):
        first, second = window.at("a", now_s), window.at("a", now_s + later_s)
        assert (first.id == second.id) == (now_s + later_s < first.ends_s)
        assert 1 <= first.reset_s(now_s) <= window.seconds
        assert first.expires_at > first.ends_s


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1s"), (59, "59s"), (60, "1m0s"), (3599, "59m59s"), (86_399, "23h59m59s")]
)
def test_durations_are_spelt_as_openai_does(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({**TABLE, "LIMITS_REQUESTS_PER_MINUTE": "60"}, LimitSettings("t", 60, None, False)),
        (
            {**TABLE, "LIMITS_TOKENS_PER_DAY": "9", "LIMITS_WHEN_UNAVAILABLE": "refuse"},
            LimitSettings("t", None, 9, True),
        ),
        (
            {**TABLE, "LIMITS_TOKENS_PER_DAY": "9", "LIMITS_WHEN_UNAVAILABLE": "allow"},
            LimitSettings("t", None, 9, False),
        ),
    ],
)
def test_the_environment_says_which_limits_there_are(
    environ: Mapping[str, str], settings: LimitSettings
) -> None:
    assert read_limits(environ) == settings


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"LIMITS_TOKENS_PER_DAY": "9"}, "LIMITS_TABLE"),
        ({**TABLE, "LIMITS_TOKENS_PER_DAY": "0"}, "LIMITS_TOKENS_PER_DAY"),
        ({**TABLE, "LIMITS_REQUESTS_PER_MINUTE": "-1"}, "LIMITS_REQUESTS_PER_MINUTE"),
        ({**TABLE, "LIMITS_REQUESTS_PER_MINUTE": "1.5"}, "LIMITS_REQUESTS_PER_MINUTE"),
        (
            {**TABLE, "LIMITS_REQUESTS_PER_MINUTE": "5", "LIMITS_WHEN_UNAVAILABLE": "?"},
            "LIMITS_WHEN_UNAVAILABLE",
        ),
    ],
)
def test_a_limit_that_cannot_be_read_is_never_no_limit(environ: Mapping[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read_limits(environ)
