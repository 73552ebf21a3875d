"""Who is meant: use cases, candidates, models, and what headers say."""

from __future__ import annotations

import pytest

from lambdas.router.choosing.choice import choose, narrowed
from lambdas.router.choosing.wishes import NO_WISHES, Wishes, read_wishes
from lambdas.router.errors import ApiError
from lambdas.router.messages import Request
from lambdas.router.route_table import Requirements
from lambdas.router.route_table_reader import parse_route_table
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.planning import EXPERIMENT, planned, roles
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    ask,
    candidate,
    chat_body,
    chat_request,
    error_of,
    route,
    table,
    table_document,
)
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, message_of, use_case_table, with_headers


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
    with pytest.raises(ApiError, match="names two candidates") as caught:
        narrowed(named, "primary")
    assert caught.value.param == "x-adept-candidate"


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (chat_request(chat_body(model="nowhere")), "model"),
        (chat_request(chat_body(model="query-enhancement:nope")), "model"),
        (chat_request(chat_body(model="nobody/nothing")), "model"),
        (with_headers(x_adept_candidate="nope"), "x-adept-candidate"),
    ],
)
def test_what_is_not_there_is_named_by_where_the_requestsays_it(request_: Request, param: str) -> None:
    response, _ = ask(request_)
    assert response.status == 404
    assert (error_of(response)["code"], error_of(response)["param"]) == ("model_not_found", param)


def test_a_named_candidate_is_asked_alone_whatever_the_experiment_says() -> None:
    experiment = EXPERIMENT | {"weights": {"primary": 1, "alternative": 0}}
    found = planned(use_case_table(experiment=experiment), model="query-enhancement:alternative", user="u")
    assert (roles(found), found.exposure) == (["alternative"], None)
    found = planned(use_case_table(experiment=experiment), Wishes(candidate="alternative"), user="u")
    assert (roles(found), found.exposure) == (["alternative"], None)


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
