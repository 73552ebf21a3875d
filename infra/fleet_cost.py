"""What the running instances cost per hour: their list price times how many report."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from endpoints.catalogue import Catalogue, Environment
from endpoints.naming import endpoint_name
from endpoints.sizing import hourly_cost
from infra.endpoint_metrics import instance_samples, instances_from


def cost_per_hour(
    catalogue: Catalogue, environment: Environment, *, period: Duration
) -> cloudwatch.MathExpression:
    """USD per hour of every variant's instances, at the catalogue's on-demand prices.

    A variant without a known price is not seen, nor is the dearer instance type of a fallback.
    """
    fleets = list(_priced_fleets(catalogue, environment, period))
    return cloudwatch.MathExpression(
        expression=" + ".join(f"{usd} * FILL({instances_from(name)}, 0)" for name, usd, _ in fleets),
        using_metrics={name: samples for name, _, samples in fleets},
        label="USD per hour",
        period=period,
    )


def _priced_fleets(
    catalogue: Catalogue, environment: Environment, period: Duration
) -> Iterator[tuple[str, float, cloudwatch.IMetric]]:
    """Id in the expression, price of one instance, samples."""
    for number, use_case in enumerate(hourly_cost(catalogue, environment).use_cases, start=1):
        for variant in use_case.variants:
            if variant.usd_per_instance_hour is not None:
                samples = instance_samples(
                    endpoint_name=endpoint_name(environment.name, use_case.use_case),
                    variant=variant.role.value,
                    period=period,
                )
                yield f"{variant.role.value}{number}", variant.usd_per_instance_hour, samples
