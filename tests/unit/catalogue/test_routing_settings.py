"""How the router treats a use case: defaults that fit, and faults that are found before a deploy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from endpoints.catalogue import load_catalogue
from endpoints.catalogue.schema import Routing, UseCase

EXPERIMENT = {"id": "e1", "salt": "s", "weights": {"primary": 1}}
SHADOW = {"candidate": "alternative", "percent": 5}


def read(section: dict[str, Any]) -> Routing:
    """As the file's JSON form is read."""
    return Routing.model_validate(section, strict=False)


def test_a_use_case_that_says_nothing_is_treated_sensibly() -> None:
    routing = Routing()
    assert routing.streams.first_token_ms < routing.streams.timeout_ms
    assert (routing.hedging, routing.experiment, routing.shadow) == (None, None, None)
    assert not routing.log_text
    assert routing.roles == frozenset()


def test_the_catalogues_limits_to_the_first_token_leave_the_targets_room() -> None:
    """A limit near the target would fall over at every burst."""
    for use_case in load_catalogue().use_cases:
        assert use_case.routing.streams.first_token_ms >= 10 * use_case.latency_target_ms


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"breaker": {"open_s": 50, "max_open_s": 40}}, "open_s not above max_open_s"),
        ({"breaker": {"failure_percent": 0}}, "greater than 0"),
        ({"experiment": EXPERIMENT | {"weights": {"primary": 0}}}, "at least one above 0"),
        ({"experiment": EXPERIMENT | {"weights": {"third": 1}}}, "'primary' or 'alternative'"),
        ({"experiment": EXPERIMENT | {"sticky_by": ["mood"]}}, "pattern"),
        ({"experiment": EXPERIMENT | {"sticky_by": []}}, "at least 1 item"),
        ({"experiment": EXPERIMENT | {"id": "With Spaces"}}, "pattern"),
        ({"shadow": SHADOW | {"percent": 101}}, "less than or equal to 100"),
        ({"hedging": {"after_ms": 0}}, "greater than 0"),
        ({"retries": {"per_candidate": 6}}, "less than or equal to 5"),
        ({"streams": {"timeout_ms": 900_000}}, "less than or equal to 870000"),
        ({"require": {"licence": "custom"}}, "'permissive'"),
        ({"require": {"languages": ["German"]}}, "multilingual"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_a_treatment_that_could_not_be_is_refused(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        read(section)


@pytest.mark.parametrize(
    "section", [{"shadow": SHADOW}, {"experiment": EXPERIMENT | {"weights": {"alternative": 1}}}]
)
def test_a_treatment_names_only_candidates_that_the_use_case_has(section: dict[str, Any]) -> None:
    use_case = load_catalogue().use_case("job-parsing")
    alone = use_case.model_dump() | {"candidates": use_case.candidates[:1], "routing": read(section)}
    with pytest.raises(
        ValidationError, match=r"only this use case's candidates \(primary\), got alternative"
    ):
        UseCase.model_validate(alone)
