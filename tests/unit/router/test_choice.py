"""Who is meant, and who is asked first: names, requirements, experiments."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.choosing.choice import choose, narrowed
from lambdas.router.choosing.experiments import Exposure, assign
from lambdas.router.choosing.plan import Asker, Plan, plan
from lambdas.router.choosing.requirements import NONE, gaps, merged, parse_requirements
from lambdas.router.choosing.wishes import NO_WISHES, Wishes, read_wishes
from lambdas.router.errors import ApiError
from lambdas.router.route_table import Experiment, LicenceClass, Requirements, RouteTable
from lambdas.router.route_table_reader import parse_route_table
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    ROUTING,
    candidate,
    chat_body,
    chat_request,
    completion,
    error_of,
    route,
    table,
    table_document,
)
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, message_of, use_case_table, with_headers

CUSTOM = candidate("primary", PRIMARY_MODEL, licence="custom", languages=["de", "en"], multilingual=True)
FREE = candidate("alternative", ALTERNATIVE_MODEL, max_total_tokens=8192, structured_output=True)
EXPERIMENT = {
    "id": "e1",
    "salt": "s",
    "weights": {"primary": 50, "alternative": 50},
    "sticky_by": ["user", "session", "header:x-tenant"],
}


def roles(planned: Plan) -> list[str]:
    return [each.role for each in planned.candidates]


def planned(
    table: RouteTable,
    wishes: Wishes = NO_WISHES,
    model: str = "query-enhancement",
    user: object = None,
    request_id: str = "req-1",
    **headers: str,
) -> Plan:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return plan(choose(table, model), wishes, Asker(user, named, request_id))


def own_requirements(**changes: object) -> dict[str, object]:
    """A use case's own requirements, as the table has them."""
    given_: dict[str, object] = ROUTING["require"]
    return given_ | changes


def requiring(text: str) -> Wishes:
    return Wishes(required=parse_requirements(text))


# Names.


@pytest.mark.parametrize(
    "model", ["query-enhancement:alternative", f"query-enhancement:{ALTERNATIVE_MODEL}", ALTERNATIVE_MODEL]
)
def test_a_candidate_is_named_by_its_role_or_its_models_id(model: str) -> None:
    choice = choose(table(), model)
    assert choice.named
    assert [each.role for each in choice.candidates] == ["alternative"]


def test_a_use_case_alone_means_all_of_its_candidates() -> None:
    choice = choose(table(), "query-enhancement")
    assert not choice.named
    assert [each.role for each in choice.candidates] == ["primary", "alternative"]


def test_a_model_of_several_use_cases_needs_the_use_case() -> None:
    document = table_document(other=route("e", candidate("primary", PRIMARY_MODEL)))
    with pytest.raises(ApiError) as caught:
        choose(parse_route_table(document), PRIMARY_MODEL)
    assert (caught.value.status, caught.value.code) == (400, "ambiguous_model")
    assert f"other:{PRIMARY_MODEL}" in caught.value.message


def test_a_model_that_nobody_has_is_not_found() -> None:
    with pytest.raises(ApiError) as caught:
        choose(table(), "org/unheard-of")
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_a_header_names_a_candidate_as_well_and_may_repeat_the_model_but_not_contradict_it() -> None:
    choice = choose(table(), "query-enhancement")
    assert narrowed(choice, ALTERNATIVE_MODEL).candidates[0].role == "alternative"
    named = choose(table(), "query-enhancement:alternative")
    assert narrowed(named, "alternative") == named
    with pytest.raises(ApiError, match="names two candidates"):
        narrowed(named, "primary")


def test_a_named_candidate_is_asked_alone_whatever_the_experiment_says() -> None:
    experiment = EXPERIMENT | {"weights": {"primary": 1, "alternative": 0}}
    found = planned(use_case_table(experiment=experiment), model="query-enhancement:alternative", user="u")
    assert (roles(found), found.exposure) == (["alternative"], None)
    found = planned(use_case_table(experiment=experiment), Wishes(candidate="alternative"), user="u")
    assert (roles(found), found.exposure) == (["alternative"], None)


# Requirements.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NONE),
        (" , ", NONE),
        ("license=permissive", Requirements(licence=LicenceClass.PERMISSIVE)),
        ("Licence = Permissive , languages=DE", Requirements(LicenceClass.PERMISSIVE, ("de",))),
        ("languages=de+fr, language=it", Requirements(languages=("de", "fr", "it"))),
        ("languages=multilingual", Requirements(languages=("multilingual",))),
        ("context=6000, context=100", Requirements(context_tokens=6000)),
        ("structured-output", Requirements(structured_output=True)),
        ("structured-output=true", Requirements(structured_output=True)),
    ],
)
def test_a_header_is_read(text: str, expected: Requirements) -> None:
    assert parse_requirements(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "colour=blue",
        "license=custom",
        "license",
        "languages=",
        "languages=d3",
        "languages=de|fr",
        "context=-1",
        "context=many",
        "context=٣",
        "context=99999999999",
        "structured-output=no",
        "x" * 501,
    ],
)
def test_a_requirement_that_is_not_understood_is_refused_because_skipping_it_would_break_it(
    text: str,
) -> None:
    with pytest.raises(ApiError) as caught:
        parse_requirements(text)
    assert (caught.value.status, caught.value.param) == (400, "x-adept-require")


@given(st.text(max_size=60))
def test_any_header_is_read_or_refused(text: str) -> None:
    with suppress(ApiError):
        assert isinstance(parse_requirements(text), Requirements)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("license=permissive", ["alternative"]),
        ("languages=de", ["primary"]),
        ("languages=multilingual", ["primary"]),
        ("languages=en", ["primary", "alternative"]),
        ("context=4096", ["primary", "alternative"]),
        ("context=4097", ["alternative"]),
        ("structured-output, license=permissive", ["alternative"]),
    ],
)
def test_only_candidates_that_are_what_is_required_are_tried(text: str, expected: list[str]) -> None:
    assert roles(planned(use_case_table(CUSTOM, FREE), requiring(text))) == expected


def test_what_no_candidate_is_is_refused_and_says_what_each_lacks() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=completion()), use_case_table(CUSTOM, FREE))
        response = await world.ask(with_headers(x_adept_require="license=permissive, languages=de"))
        error = error_of(response)
        assert (response.status, error["code"], error["param"]) == (
            400,
            "requirements_not_met",
            "x-adept-require",
        )
        assert f"primary ({PRIMARY_MODEL}) lacks license=permissive" in error["message"]
        assert f"alternative ({ALTERNATIVE_MODEL}) lacks languages=de" in error["message"]
        assert world.upstream.asked == []

    run_virtual(story())


def test_a_named_candidate_must_be_what_is_required_too() -> None:
    with pytest.raises(ApiError, match="lacks license=permissive"):
        planned(
            use_case_table(CUSTOM, FREE), requiring("license=permissive"), model="query-enhancement:primary"
        )


def test_the_use_cases_own_requirements_always_hold_and_a_caller_can_add_to_them() -> None:
    require = own_requirements(licence="permissive")
    table = use_case_table(CUSTOM, FREE, require=require)
    assert roles(planned(table)) == ["alternative"]
    with pytest.raises(ApiError, match="lacks languages=de"):
        planned(table, requiring("languages=de"))


def test_no_failure_leads_to_a_candidate_that_is_not_what_is_required() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=completion(), alternative=b""), use_case_table(CUSTOM, FREE))
        response = await world.ask(with_headers(x_adept_require="license=permissive"))
        assert response.status == 502
        assert world.upstream.asked == ["alternative"]

    run_virtual(story())


REQUIREMENTS = st.builds(
    Requirements,
    st.sampled_from([None, LicenceClass.PERMISSIVE]),
    st.lists(st.sampled_from(["de", "en", "multilingual"]), max_size=2).map(tuple),
    st.sampled_from([None, 4096, 8000]),
    st.booleans(),
)


@given(REQUIREMENTS, REQUIREMENTS)
def test_both_requirements_together_leave_exactly_what_each_alone_leaves(
    ours: Requirements, theirs: Requirements
) -> None:
    for each in use_case_table(CUSTOM, FREE).routes["query-enhancement"].candidates:
        both = not gaps(each, ours) and not gaps(each, theirs)
        assert (not gaps(each, merged(ours, theirs))) == both


# Experiments.


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


def test_an_exposure_is_told_only_when_its_arm_answered() -> None:
    async def story() -> None:
        arm = EXPERIMENT | {"weights": {"primary": 1, "alternative": 0}}
        upstream = FakeUpstream(primary=[completion(), b""], alternative=completion())
        world = World(upstream, use_case_table(experiment=arm))
        response = await world.ask(chat_request(chat_body(user="u")))
        assert response.headers["x-adept-experiment"] == "e1:primary"
        assert world.traces[-1].exposure == Exposure("e1", "primary", "user")
        response = await world.ask(chat_request(chat_body(user="u")))
        assert "x-adept-experiment" not in response.headers
        assert world.traces[-1].exposure is None

    run_virtual(story())


# Headers.


def test_most_requests_wish_nothing() -> None:
    assert read_wishes({"content-type": "application/json"}) is NO_WISHES


def test_a_request_can_say_all_of_it() -> None:
    wishes = read_wishes(
        {"x-adept-candidate": "primary", "x-adept-require": "context=9", "x-adept-timeout-ms": " 250 "}
    )
    assert wishes == Wishes("primary", Requirements(context_tokens=9), 0.25)


def test_a_candidate_of_the_header_that_is_unknown_is_not_found() -> None:
    async def story() -> None:
        world = World(FakeUpstream())
        response = await world.ask(with_headers(x_adept_candidate="third"))
        assert (response.status, error_of(response)["code"]) == (404, "model_not_found")
        assert "third" in message_of(response)

    run_virtual(story())
