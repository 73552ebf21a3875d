"""What keeping weights in S3 costs, dated, by region."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, model_validator

from endpoints.catalogue.schema.base import NonEmpty, Record, Region


class StoragePrice(Record):
    """S3 Standard in one region. The price is null without a source that can be trusted."""

    region: Region
    usd_per_gb_month: Annotated[float, Field(gt=0)] | None
    date: dt.date | None
    source: NonEmpty

    @model_validator(mode="after")
    def _a_price_has_a_date(self) -> Self:
        if (self.usd_per_gb_month is None) != (self.date is None):
            raise ValueError("date: with every price, and without one none")
        return self
