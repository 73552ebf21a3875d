"""Experiments: who is dealt what, and when that is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.choosing.experiments import Exposure, assign
from lambdas.router.route_table import Experiment
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.planning import CUSTOM, EXPERIMENT, FREE, planned, requiring, roles
from tests.unit.router.support import (
    chat_body,
    chat_request,
    completion,
)
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, use_case_table


def experiment(**weights: int) -> Experiment:
    return Experiment("e1", "s", weights, ("user",))


def dealt(under_test: Experiment, units: int = 4000) -> dict[str, str]:
    return {str(unit): assign(under_test, str(unit)) for unit in range(units)}


def test_units_are_dealt_by_weight() -> None:
    shares = Counter(dealt(experiment(primary=90, alternative=10)).values())
    assert 320 < shares["alternative"] < 480  # 400 +- 4 sigma


def test_a_unit_is_dealt_the_same_every_time_and_anew_by_a_new_salt() -> None:
    first, again = (dealt(experiment(primary=1, alternative=1)) for _ in range(2))
    assert first == again
    other = {
        unit: assign(Experiment("e1", "t", {"primary": 1, "alternative": 1}, ()), unit) for unit in first
    }
    assert 0.4 < sum(first[unit] == other[unit] for unit in first) / len(first) < 0.6


def test_an_arm_that_grows_keeps_its_units() -> None:
    before, after = (
        dealt(experiment(primary=90, alternative=10)),
        dealt(experiment(primary=60, alternative=40)),
    )
    assert all(after[unit] == "alternative" for unit, role in before.items() if role == "alternative")


@given(
    weights=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5), min_size=1).filter(
        lambda weights: any(weights.values())
    ),
    unit=st.text(),
)
def test_nobody_is_dealt_an_arm_without_weight(weights: dict[str, int], unit: str) -> None:
    assert weights[assign(experiment(**weights), unit)] > 0


def test_the_dealt_candidate_is_first_the_rest_follow_and_the_exposure_is_noted() -> None:
    table = use_case_table(experiment=EXPERIMENT)
    found = [planned(table, user=str(user)) for user in range(40)]
    assert {tuple(roles(each)) for each in found} == {("primary", "alternative"), ("alternative", "primary")}
    assert all(each.exposure == Exposure("e1", each.candidates[0].role, "user") for each in found)


@pytest.mark.parametrize(
    ("given_", "unit"),
    [
        ({"user": "u", "x_adept_session": "s"}, "user"),
        ({"x_adept_session": "s", "x_tenant": "t"}, "session"),
        ({"x_tenant": "t"}, "header:x-tenant"),
        ({"user": 7}, "request"),
        ({"user": "", "x_tenant": ""}, "request"),
        ({}, "request"),
    ],
)
def test_a_request_is_dealt_by_the_first_source_that_it_has(given_: dict[str, Any], unit: str) -> None:
    exposure = planned(use_case_table(experiment=EXPERIMENT), **given_).exposure
    assert exposure is not None
    assert exposure.unit == unit


def test_a_session_sticks_and_requests_without_one_are_dealt_each_by_itself() -> None:
    table = use_case_table(experiment=EXPERIMENT)
    requests = [str(number) for number in range(60)]
    assert len({roles(planned(table, request_id=each, x_adept_session="s"))[0] for each in requests}) == 1
    assert len({roles(planned(table, request_id=each))[0] for each in requests}) == 2


def test_an_arm_that_is_not_what_is_required_is_not_served_and_is_no_exposure() -> None:
    table = use_case_table(CUSTOM, FREE, experiment=EXPERIMENT)
    found = [planned(table, requiring("license=permissive"), user=str(user)) for user in range(40)]
    assert {tuple(roles(each)) for each in found} == {("alternative",)}
    exposed = [each.exposure for each in found]
    assert {each.arm for each in exposed if each} == {"alternative"}
    assert None in exposed


def test_a_request_counts_for_its_arm_whoever_answers_and_the_caller_is_told_only_when_the_arm_did() -> None:
    async def story() -> None:
        arm = EXPERIMENT | {"weights": {"primary": 1, "alternative": 0}}
        upstream = FakeUpstream(primary=[completion(), b""], alternative=[completion(), b""])
        world = World(upstream, use_case_table(experiment=arm))
        response = await world.ask(chat_request(chat_body(user="u")))
        assert response.headers["x-adept-experiment"] == "e1:primary"
        assert world.traces[-1].exposure == Exposure("e1", "primary", "user")
        response = await world.ask(chat_request(chat_body(user="u")))
        assert (response.status, response.headers["x-adept-candidate"]) == (200, "alternative")
        assert "x-adept-experiment" not in response.headers
        assert world.traces[-1].exposure == Exposure("e1", "primary", "user")
        response = await world.ask(chat_request(chat_body(user="u")))
        assert response.status == 502
        assert "x-adept-experiment" not in response.headers
        assert world.traces[-1].exposure == Exposure("e1", "primary", "user")

    run_virtual(story())
