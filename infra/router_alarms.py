"""The alarms on what the router and its API tell: per use case first token, failover, throttling; then the API."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.naming import endpoint_name, stack_name
from infra.alarm import AlarmSpec, Missing, add_alarm, deployable, share_percent
from infra.router_metrics import GATEWAY_THROTTLED, RouterMetric, api_metric, namespace, router_metric

_PERIOD = Duration.minutes(5)
_LEAST_REQUESTS = 100  # in five minutes: below this a rate says nothing


class RouterAlarms(Construct):
    """`adept-<environment>-<use case>-<what>` and `adept-<environment>-router-<what>`, told to `topic`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalogue: Catalogue,
        environment: Environment,
        topic: sns.ITopic,
        metric_math: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = topic
        self._metric_math = metric_math
        for use_case in catalogue.use_cases:
            subject = endpoint_name(environment.name, use_case.id)
            self._add(subject, use_case.id, _use_case_specs(environment, use_case))
        self._add(stack_name(environment.name, "router"), "router", _api_specs(environment.name))

    def _add(self, subject: str, prefix: str, specs: Iterator[AlarmSpec]) -> None:
        for spec in deployable(specs, metric_math=self._metric_math):
            add_alarm(self, spec, subject=subject, construct_id=f"{prefix}-{spec.what}", topic=self._topic)


def _use_case_specs(environment: Environment, use_case: UseCase) -> Iterator[AlarmSpec]:
    def share(part: RouterMetric, label: str) -> cloudwatch.MathExpression:
        return share_percent(
            "FILL(part, 0)",
            "asked",
            {
                "part": router_metric(part, environment.name, use_case=use_case.id, period=_PERIOD),
                "asked": router_metric(
                    RouterMetric.ASKED, environment.name, use_case=use_case.id, period=_PERIOD
                ),
            },
            least=_LEAST_REQUESTS,
            period=_PERIOD,
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
            RouterMetric.FIRST_TOKEN, environment.name, use_case=use_case.id, period=_PERIOD
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


def _api_specs(environment: str) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        what="callers-throttled",
        meaning="For 10 minutes callers got 429: their usage plan, the stage's limit, or every candidate is full.",
        metric=cloudwatch.Metric(
            namespace=namespace(environment),
            metric_name=GATEWAY_THROTTLED,
            statistic="Sum",
            period=_PERIOD,
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
                "errors": api_metric("5XXError", environment, statistic="Sum", period=_PERIOD),
                "requests": api_metric("Count", environment, statistic="Sum", period=_PERIOD),
            },
            least=_LEAST_REQUESTS,
            period=_PERIOD,
            label="5xx, percent",
        ),
        threshold=5,
        periods=3,
        datapoints=2,
        missing=Missing.NOT_BREACHING,  # no request, no failure
    )
    yield AlarmSpec(
        what="crashes",
        meaning="The router itself broke: a bug, or a route table that it refuses.",
        metric=router_metric(RouterMetric.CRASHED, environment, period=_PERIOD),
        threshold=1,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,  # the filter emits nothing while nothing matches
    )
