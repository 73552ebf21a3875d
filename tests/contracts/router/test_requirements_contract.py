"""What the product refuses to deploy and what the router refuses to answer are decided by the same rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints import route_table as product
from endpoints.catalogue import Catalogue, load_catalogue
from endpoints.catalogue.schema import Requirements, Routing, UseCase
from lambdas.router.choosing.requirements import gaps, meeting, parse_requirements
from lambdas.router.route_table import LicenceClass, RouteTable
from lambdas.router.route_table import Requirements as RouterRequirements
from lambdas.router.route_table_reader import parse_route_table

CATALOGUE = load_catalogue()
STAGING = CATALOGUE.environment("staging")


def tables() -> list[tuple[dict[str, Any], Any]]:
    """(Rendered, parsed) of every candidate of every use case in staging."""
    rendered: Any = product.render_route_table(CATALOGUE, STAGING)
    parsed = parse_route_table(rendered)
    return [
        pair
        for name, use_case in rendered["use_cases"].items()
        for pair in zip(use_case["candidates"], parsed.routes[name].candidates, strict=True)
    ]


TABLES = tables()


@given(
    licence=st.sampled_from([None, "permissive"]),
    languages=st.lists(st.sampled_from(["de", "en", "ja", "xx", "multilingual"]), max_size=3, unique=True),
    context_tokens=st.sampled_from([None, 1000, 4096, 5000, 100_000]),
    structured_output=st.booleans(),
)
def test_both_sides_find_the_same_gaps(
    licence: Any, languages: list[Any], context_tokens: int | None, structured_output: bool
) -> None:
    asked = Requirements(
        licence=licence,
        languages=tuple(languages),
        context_tokens=context_tokens,
        structured_output=structured_output,
    )
    required = RouterRequirements(
        LicenceClass(licence) if licence else None, tuple(languages), context_tokens, structured_output
    )
    for rendered, parsed in TABLES:
        assert product._gaps(rendered, asked) == gaps(parsed, required)


def routed(routing: Routing, use_case: str) -> RouteTable:
    def changed(each: UseCase) -> UseCase:
        return each.model_copy(update={"routing": routing}) if each.id == use_case else each

    catalogue: Catalogue = CATALOGUE.with_use_cases(changed(each) for each in CATALOGUE.use_cases)
    return parse_route_table(product.render_route_table(catalogue, STAGING))


@pytest.mark.parametrize(
    ("use_case", "text", "role"),
    [
        ("query-enhancement", "license=permissive", "alternative"),
        ("query-enhancement", "languages=de", "primary"),
        ("market-intelligence", "license=permissive, languages=de", "alternative"),
        ("job-parsing", "structured-output", "alternative"),
    ],
)
def test_the_catalogues_alternatives_are_chosen_by_what_they_are(use_case: str, text: str, role: str) -> None:
    """The reasons for which the source documents have them: licence, languages, structure."""
    route = parse_route_table(product.render_route_table(CATALOGUE, STAGING)).routes[use_case]
    (met,) = meeting(route, route.candidates, parse_requirements(text))
    assert met.role == role


def test_a_use_cases_own_treatment_arrives() -> None:
    routing = Routing.model_validate_json(
        """{
            "retries": {"per_candidate": 0},
            "hedging": {"after_ms": 250},
            "experiment": {"id": "e1", "salt": "s", "weights": {"primary": 3, "alternative": 1}},
            "shadow": {"candidate": "alternative", "percent": 2.5},
            "require": {"languages": ["en"]},
            "log_text": true
        }"""
    )
    route = routed(routing, "query-enhancement").routes["query-enhancement"]
    assert route.retries.per_candidate == 0
    assert route.hedging is not None
    assert (route.hedging.after_ms, route.hedging.budget_percent) == (250, 5)
    assert route.experiment is not None
    assert route.experiment.weights == {"primary": 3, "alternative": 1}
    assert route.experiment.sticky_by == ("user", "session")
    assert route.shadow is not None
    assert (route.shadow.candidate, route.shadow.percent) == ("alternative", 2.5)
    assert (route.require.languages, route.log_text) == (("en",), True)
