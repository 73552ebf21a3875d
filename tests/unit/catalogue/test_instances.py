"""Facts about instances, and prices that say where they come from and how old they are."""

from __future__ import annotations

import pytest

from endpoints.catalogue import Catalogue, InstanceFacts, PriceKind, load_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_every_instance_of_the_facts_is_there(catalogue: Catalogue) -> None:
    assert len(catalogue.instances) == 18
    assert {instance.family for instance in catalogue.instances} == {"g5", "g6", "g6e", "p4d", "p5"}


def test_the_cards_of_the_use_cases(catalogue: Catalogue) -> None:
    small, large = catalogue.instance("ml.g5.2xlarge"), catalogue.instance("ml.g5.12xlarge")
    assert (small.gpu.name, small.gpu_count, large.gpu_count) == ("NVIDIA A10G", 1, 4)
    assert small.gpu.usable_gib == 21.99
    assert small.gpu.fp16_dense_tflops == 70  # 125 is the A10's, another card
    assert large.gpu_memory_gib == pytest.approx(89.95, abs=0.01)


@pytest.mark.parametrize("instance", load_catalogue().instances, ids=lambda instance: instance.instance_type)
def test_a_price_has_a_kind_and_a_date_or_is_null(instance: InstanceFacts) -> None:
    assert set(instance.prices) == {"us-east-1", "eu-west-1", "ap-northeast-2"}
    for price in instance.prices.values():
        known = price.usd_per_hour is not None
        assert known == (price.kind is not None) == (price.date is not None)
        assert price.source


def test_derived_prices_are_the_ec2_price_times_the_factor(catalogue: Catalogue) -> None:
    checked = 0
    for instance in catalogue.instances:
        for region, price in instance.prices.items():
            ec2 = instance.ec2_usd_per_hour[region]
            if price.kind is PriceKind.DERIVED and price.usd_per_hour is not None and ec2 is not None:
                assert price.usd_per_hour == pytest.approx(ec2 * instance.sagemaker_over_ec2, abs=1e-3)
                checked += 1
    assert checked > 20


def test_a_region_without_a_source_has_no_price(catalogue: Catalogue) -> None:
    assert catalogue.instance("ml.p5.48xlarge").prices["eu-west-1"].usd_per_hour is None
