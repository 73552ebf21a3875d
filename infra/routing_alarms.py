"""The alarms on how one use case is routed: first token, failover, throttling, from what the router logs.

They stand in the use case's stack, because a stack holds at most 500 resources and there may be many use cases.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.naming import endpoint_name
from infra.alarm import LEAST_REQUESTS, RATE_PERIOD, AlarmSpec, Missing, add_alarm, deployable, share_percent
from infra.router_metrics import RouterMetric, router_metric


class RoutingAlarms(Construct):
    """`adept-<environment>-<use case>-<what>`, told to `topic`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        use_case: UseCase,
        topic: sns.ITopic,
        metric_math: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        subject = endpoint_name(environment.name, use_case.id)
        for spec in deployable(_specs(environment, use_case), metric_math=metric_math):
            add_alarm(self, spec, subject=subject, construct_id=spec.what, topic=topic)


def _specs(environment: Environment, use_case: UseCase) -> Iterator[AlarmSpec]:
    def share(part: RouterMetric, label: str) -> cloudwatch.MathExpression:
        return share_percent(
            "FILL(part, 0)",
            "asked",
            {
                "part": router_metric(part, environment.name, use_case=use_case.id, period=RATE_PERIOD),
                "asked": router_metric(
                    RouterMetric.ASKED, environment.name, use_case=use_case.id, period=RATE_PERIOD
                ),
            },
            least=LEAST_REQUESTS,
            period=RATE_PERIOD,
            label=label,
        )

    if len(offered_candidates(use_case, environment)) > 1:
        yield AlarmSpec(
            what="failover-rate",
            meaning="For 15 minutes at least 10 % of the requests needed their second candidate.",
            metric=share(RouterMetric.FAILED_OVER, "failed over, percent"),
            threshold=10,
            periods=3,
            datapoints=3,
            missing=Missing.NOT_BREACHING,  # no request, no failover
        )
    yield AlarmSpec(
        what="slow-first-token",
        meaning=(
            f"For 15 minutes the slowest 5 % of streamed answers began after the use case's latency target "
            f"({use_case.latency_target_ms} ms) or later."
        ),
        metric=router_metric(
            RouterMetric.FIRST_TOKEN, environment.name, use_case=use_case.id, period=RATE_PERIOD
        ),
        threshold=use_case.latency_target_ms,
        periods=3,
        datapoints=3,
        missing=Missing.NOT_BREACHING,  # nothing was streamed, so no target was missed
    )
    yield AlarmSpec(
        what="throttled",
        meaning="At least 5 % of the requests met a candidate that was overloaded or throttled by SageMaker.",
        metric=share(RouterMetric.THROTTLED, "throttled, percent"),
        threshold=5,
        periods=3,
        datapoints=2,
        missing=Missing.NOT_BREACHING,  # no request, none throttled
    )
