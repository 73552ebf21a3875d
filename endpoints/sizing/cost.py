"""What an environment costs per hour and month. Prices are dated; what is unknown stays null."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from pydantic import computed_field

from endpoints.catalogue import Candidate, CandidateRole, Catalogue, Environment, PriceKind, UseCase
from endpoints.catalogue.deployment import deployed_candidates, offered_candidates
from endpoints.catalogue.schema import Record

HOURS_PER_MONTH = 730


class CostRange(Record):
    """At the smallest and at the largest fleet, in USD; null when a price is not known."""

    usd_per_hour_min: float | None
    usd_per_hour_max: float | None

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def usd_per_month_min(self) -> float | None:
        """730 hours of the smallest fleet."""
        return _monthly(self.usd_per_hour_min)

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def usd_per_month_max(self) -> float | None:
        """730 hours of the largest fleet."""
        return _monthly(self.usd_per_hour_max)


class VariantCost(CostRange):
    """One production variant: so many instances at this price each."""

    role: CandidateRole
    model_id: str
    instance_type: str
    count_min: int
    count_max: int
    usd_per_instance_hour: float | None
    price_kind: PriceKind | None
    price_date: dt.date | None
    price_source: str


class Borrowed(Record):
    """A candidate that runs on another use case's endpoint; saved is its own smallest fleet."""

    role: CandidateRole
    lender: str
    usd_saved_per_hour: float | None


class UseCaseCost(CostRange):
    """One endpoint: the sum of its variants, and what it borrows instead of running it."""

    use_case: str
    variants: tuple[VariantCost, ...]
    borrowed: tuple[Borrowed, ...]


class EnvironmentCost(CostRange):
    """The instances of all endpoints. Storage, data, API calls and logs come on top."""

    environment: str
    region: str
    use_cases: tuple[UseCaseCost, ...]

    @property
    def oldest_price(self) -> dt.date | None:
        """The date of the oldest price in the sum."""
        dates = (variant.price_date for use_case in self.use_cases for variant in use_case.variants)
        return min((date for date in dates if date is not None), default=None)


def hourly_cost(catalogue: Catalogue, environment: Environment) -> EnvironmentCost:
    """Costs of every endpoint that `environment` deploys, in its region.

    An embedded environment costs nothing; the figure is what the same fleets would cost on AWS.
    """
    use_cases = tuple(_use_case_cost(catalogue, use_case, environment) for use_case in catalogue.use_cases)
    return EnvironmentCost(
        environment=environment.name,
        region=environment.region,
        use_cases=use_cases,
        usd_per_hour_min=_sum(cost.usd_per_hour_min for cost in use_cases),
        usd_per_hour_max=_sum(cost.usd_per_hour_max for cost in use_cases),
    )


def _use_case_cost(catalogue: Catalogue, use_case: UseCase, environment: Environment) -> UseCaseCost:
    variants = tuple(
        _variant_cost(catalogue, candidate, environment)
        for candidate in deployed_candidates(use_case, environment)
    )
    return UseCaseCost(
        use_case=use_case.id,
        variants=variants,
        borrowed=tuple(
            Borrowed(
                role=candidate.role,
                lender=candidate.borrowed_from,
                usd_saved_per_hour=_variant_cost(catalogue, candidate, environment).usd_per_hour_min,
            )
            for candidate in offered_candidates(use_case, environment)
            if candidate.borrowed_from is not None
        ),
        usd_per_hour_min=_sum(cost.usd_per_hour_min for cost in variants),
        usd_per_hour_max=_sum(cost.usd_per_hour_max for cost in variants),
    )


def _variant_cost(catalogue: Catalogue, candidate: Candidate, environment: Environment) -> VariantCost:
    price = catalogue.instance(candidate.instance_type).prices.get(environment.region)
    each = price.usd_per_hour if price else None
    fleet = environment.instances[candidate.role]
    return VariantCost(
        role=candidate.role,
        model_id=candidate.model_id,
        instance_type=candidate.instance_type,
        count_min=fleet.min,
        count_max=fleet.max,
        usd_per_instance_hour=each,
        price_kind=price.kind if price else None,
        price_date=price.date if price else None,
        price_source=price.source if price else f"no price for {environment.region}",
        usd_per_hour_min=None if each is None else _usd(fleet.min * each),
        usd_per_hour_max=None if each is None else _usd(fleet.max * each),
    )


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    if any(amount is None for amount in known):
        return None
    return _usd(math.fsum(amount for amount in known if amount is not None))


def _monthly(usd_per_hour: float | None) -> float | None:
    return None if usd_per_hour is None else _usd(usd_per_hour * HOURS_PER_MONTH)


def _usd(amount: float) -> float:
    """Prices have four decimals; so have their sums."""
    return round(amount, 4)
