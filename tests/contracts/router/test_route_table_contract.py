"""The table that the product renders is the table that the router reads, in every environment."""

from __future__ import annotations

import json

import pytest

from endpoints import route_table as product
from endpoints.catalogue import load_catalogue
from lambdas.router import route_table_reader as router
from lambdas.router.choosing.choice import choose
from lambdas.router.deadline import GATEWAY_LIMIT_S
from lambdas.router.route_table import RouteTable
from lambdas.router.route_table_reader import load_route_table

CATALOGUE = load_catalogue()
ENVIRONMENTS = [environment.name for environment in CATALOGUE.environments]


def rendered(environment: str) -> RouteTable:
    """Rendered by the product, over JSON text, parsed by the router."""
    table = product.render_route_table(CATALOGUE, CATALOGUE.environment(environment))
    return load_route_table(json.dumps(table))


def test_both_sides_mean_the_same_version() -> None:
    assert product.VERSION == router.VERSION


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_router_reads_every_use_case_of_an_environment(environment: str) -> None:
    table = rendered(environment)
    assert table.environment == environment
    assert set(table.routes) == {use_case.id for use_case in CATALOGUE.use_cases}
    for use_case in CATALOGUE.use_cases:
        route = table.routes[use_case.id]
        assert route.limits.timeout_ms == use_case.limits.timeout_ms
        assert route.limits.max_output_tokens == use_case.limits.max_output_tokens
        assert route.candidates[0].model_id == use_case.candidates[0].model_id


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_callers_can_name_exactly_the_candidates_that_are_deployed(environment: str) -> None:
    table = rendered(environment)
    deployed = [role.value for role in CATALOGUE.environment(environment).roles]
    for use_case in table.routes:
        assert [candidate.role for candidate in choose(table, use_case).candidates] == deployed
        for role in deployed:
            (named,) = choose(table, f"{use_case}:{role}").candidates
            assert named.variant == role


def test_the_catalogues_limits_can_be_kept() -> None:
    """Time-outs end before API Gateway's; every token limit leaves room for input; bodies fit API Gateway's 10 MB."""
    for route in rendered("production").routes.values():
        assert route.limits.timeout_ms < GATEWAY_LIMIT_S * 1000
        assert route.limits.max_body_bytes < 6 * 1024 * 1024  # InvokeEndpoint takes 6 MB
        for candidate in route.candidates:
            assert route.limits.max_output_tokens < candidate.max_total_tokens
