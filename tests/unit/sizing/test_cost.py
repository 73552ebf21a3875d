"""What an environment costs: the sum of its fleets at dated prices, and null where a price is unknown."""

from __future__ import annotations

import datetime as dt

import pytest

from endpoints.catalogue import Catalogue, PriceKind, load_catalogue
from endpoints.sizing import hourly_cost


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_sandbox_runs_one_primary_per_use_case(catalogue: Catalogue) -> None:
    cost = hourly_cost(catalogue, catalogue.environment("sandbox"))
    # three ml.g5.xlarge, one ml.g5.2xlarge, one ml.g5.12xlarge
    assert cost.usd_per_hour_min == pytest.approx(3 * 1.4084 + 1.515 + 7.09)
    assert cost.usd_per_hour_min == cost.usd_per_hour_max
    assert cost.usd_per_month_min == pytest.approx(730 * 12.8302)


def test_a_fleet_costs_from_its_smallest_to_its_largest_size(catalogue: Catalogue) -> None:
    cost = hourly_cost(catalogue, catalogue.environment("production"))
    use_case = next(c for c in cost.use_cases if c.use_case == "behavioral-analysis")
    primary, alternative = use_case.variants
    assert (primary.count_min, primary.count_max) == (2, 6)
    assert (primary.usd_per_hour_min, primary.usd_per_hour_max) == (14.18, 42.54)
    assert use_case.usd_per_hour_max == pytest.approx(42.54 + 2 * 7.09)
    assert alternative.instance_type == "ml.g5.12xlarge"


def test_the_total_is_the_sum_of_the_parts(catalogue: Catalogue) -> None:
    cost = hourly_cost(catalogue, catalogue.environment("production"))
    variants = [variant for use_case in cost.use_cases for variant in use_case.variants]
    assert len(variants) == 9  # five primaries, and four alternatives: one is borrowed
    assert cost.usd_per_hour_max == pytest.approx(sum(v.usd_per_hour_max or 0 for v in variants))


def test_a_borrowed_candidate_costs_nothing_and_says_what_it_saves(catalogue: Catalogue) -> None:
    costs = {c.use_case: c for c in hourly_cost(catalogue, catalogue.environment("staging")).use_cases}
    borrower, lender = costs["explanation-generation"], costs["query-enhancement"]

    assert [variant.role for variant in borrower.variants] == ["primary"]
    assert [(b.lender, b.usd_saved_per_hour) for b in borrower.borrowed] == [
        ("query-enhancement", lender.variants[1].usd_per_hour_min)
    ]


def test_every_price_says_its_kind_and_date(catalogue: Catalogue) -> None:
    cost = hourly_cost(catalogue, catalogue.environment("staging"))
    first = cost.use_cases[0].variants[0]
    assert (first.price_kind, first.price_date) == (PriceKind.LISTED, dt.date(2025, 1, 26))
    assert cost.oldest_price == dt.date(2025, 1, 26)
    assert cost.model_dump(mode="json")["use_cases"][0]["variants"][0]["price_kind"] == "listed"


def test_prices_of_another_region_are_derived(catalogue: Catalogue) -> None:
    dublin = catalogue.environment("sandbox").model_copy(update={"region": "eu-west-1"})
    cost = hourly_cost(catalogue, dublin)
    assert cost.use_cases[0].variants[0].price_kind is PriceKind.DERIVED
    assert cost.use_cases[0].usd_per_hour_min == 1.5722


def test_a_region_without_prices_has_an_unknown_cost_not_a_free_one(catalogue: Catalogue) -> None:
    elsewhere = catalogue.environment("sandbox").model_copy(update={"region": "sa-east-1"})
    cost = hourly_cost(catalogue, elsewhere)
    assert cost.usd_per_hour_min is None
    assert cost.usd_per_month_max is None
    assert cost.oldest_price is None
