"""The alarms on the router itself and its API, across use cases; `routing_alarms` has those of each use case."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Environment
from endpoints.naming import stack_name
from infra.alarm import LEAST_REQUESTS, RATE_PERIOD, AlarmSpec, Missing, add_alarm, deployable, share_percent
from infra.router_metrics import (
    GATEWAY_THROTTLED,
    LIMITS_UNAVAILABLE,
    TABLE_UNAVAILABLE,
    RouterMetric,
    api_metric,
    namespace,
    router_metric,
)


class RouterAlarms(Construct):
    """`adept-<environment>-router-<what>`, told to `topic`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        topic: sns.ITopic,
        metric_math: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        subject = stack_name(environment.name, "router")
        for spec in deployable(_specs(environment.name), metric_math=metric_math):
            add_alarm(self, spec, subject=subject, construct_id=f"router-{spec.what}", topic=topic)


def _specs(environment: str) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        what="callers-throttled",
        meaning="For 10 minutes callers got 429: their usage plan, the stage's limit, or every candidate is full.",
        metric=cloudwatch.Metric(
            namespace=namespace(environment),
            metric_name=GATEWAY_THROTTLED,
            statistic="Sum",
            period=RATE_PERIOD,
        ),
        threshold=10,
        periods=2,
        datapoints=2,
        missing=Missing.NOT_BREACHING,  # the filter emits nothing while nothing matches
    )
    yield AlarmSpec(
        what="api-5xx",
        meaning="At least 5 % of all API requests ended in a 5xx, whatever the cause.",
        metric=share_percent(
            "errors",
            "requests",
            {
                "errors": api_metric("5XXError", environment, statistic="Sum", period=RATE_PERIOD),
                "requests": api_metric("Count", environment, statistic="Sum", period=RATE_PERIOD),
            },
            least=LEAST_REQUESTS,
            period=RATE_PERIOD,
            label="5xx, percent",
        ),
        threshold=5,
        periods=3,
        datapoints=2,
        missing=Missing.NOT_BREACHING,  # no request, no failure
    )
    yield from _outages(environment)
    yield AlarmSpec(
        what="crashes",
        meaning="The router itself broke: a bug, or a route table that it refuses.",
        metric=router_metric(RouterMetric.CRASHED, environment, period=RATE_PERIOD),
        threshold=1,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,  # the filter emits nothing while nothing matches
    )


def _outages(environment: str) -> Iterator[AlarmSpec]:
    """What the router does without for a while; each process tells once per outage."""
    for what, metric_name, meaning in (
        (
            "route-table-unavailable",
            TABLE_UNAVAILABLE,
            "The router cannot look for a newer route table; it goes on with the last good one.",
        ),
        (
            "limits-unavailable",
            LIMITS_UNAVAILABLE,
            "Requests cannot be counted against their keys' limits; they pass or are refused, as key_limits says.",
        ),
    ):
        yield AlarmSpec(
            what=what,
            meaning=meaning,
            metric=cloudwatch.Metric(
                namespace=namespace(environment),
                metric_name=metric_name,
                statistic="Sum",
                period=RATE_PERIOD,
            ),
            threshold=1,
            periods=1,
            datapoints=1,
            missing=Missing.NOT_BREACHING,  # a line comes with an outage alone
        )
