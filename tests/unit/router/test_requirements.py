"""What candidates must be: only those that are get to answer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.choosing.requirements import NONE, gaps, merged, parse_requirements
from lambdas.router.errors import ApiError
from lambdas.router.route_table import LicenceClass, Requirements
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.planning import CUSTOM, FREE, own_requirements, planned, requiring, roles
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    completion,
    error_of,
)
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, use_case_table, with_headers


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
