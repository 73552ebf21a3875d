"""The most careful traffic shift that SageMaker accepts for the given fleets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endpoints.sizing.traffic_shift import ShiftKind, traffic_shift

FLEETS = st.dictionaries(st.sampled_from(["primary", "alternative"]), st.integers(1, 20), min_size=1)


def test_one_instance_moves_all_at_once_and_says_why() -> None:
    shift = traffic_shift({"primary": 2, "alternative": 1})

    assert shift.kind is ShiftKind.ALL_AT_ONCE
    assert "the alternative fleet has 1 instance" in shift.why


def test_two_instances_allow_a_canary_of_one() -> None:
    assert (traffic_shift({"primary": 2}).kind, traffic_shift({"primary": 2}).size) == (ShiftKind.CANARY, 1)


def test_large_fleets_move_in_steps() -> None:
    assert traffic_shift({"primary": 8, "alternative": 4}).kind is ShiftKind.LINEAR


@given(FLEETS)
def test_a_canary_is_never_more_than_half_of_any_fleet(fleets: dict[str, int]) -> None:
    shift = traffic_shift(fleets)

    if shift.kind is ShiftKind.CANARY:
        assert shift.size is not None
        assert all(2 * shift.size <= count for count in fleets.values())


@given(FLEETS)
def test_a_linear_step_is_at_least_one_instance_of_every_fleet(fleets: dict[str, int]) -> None:
    shift = traffic_shift(fleets)

    if shift.kind is ShiftKind.LINEAR:
        assert shift.size is not None
        assert all(count * shift.size // 100 >= 1 for count in fleets.values())
