"""What keeping weights costs: dated, with its source, or not known."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from endpoints.catalogue import StoragePrice, load_catalogue

CATALOGUE = load_catalogue()


def test_every_region_that_an_environment_is_in_has_a_price_with_its_date_and_source() -> None:
    for environment in CATALOGUE.environments:
        price = CATALOGUE.storage_price(environment.region)
        assert price is not None
        assert price.usd_per_gb_month == 0.023
        assert price.date
        assert price.source


def test_a_region_whose_sources_disagree_has_no_price() -> None:
    price = CATALOGUE.storage_price("eu-west-1")

    assert price is not None
    assert (price.usd_per_gb_month, price.date) == (None, None)


def test_a_region_that_nobody_has_looked_up_is_not_there() -> None:
    assert CATALOGUE.storage_price("sa-east-1") is None


def test_a_price_without_a_date_is_refused() -> None:
    with pytest.raises(ValidationError, match="with every price"):
        StoragePrice(region="us-east-1", usd_per_gb_month=0.023, date=None, source="heard of it")
