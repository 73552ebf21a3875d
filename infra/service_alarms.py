"""The alarms of one endpoint that people get: errors, slow answers, full or busy GPUs, no instance.

Created after the endpoint, so that a first deploy does not report the absence of what is still being made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.alarm import AlarmSpec, Comparison, Missing, add_alarm, deployable, share_percent
from infra.endpoint_alarms import WatchedVariant
from infra.endpoint_metrics import (
    MICROSECONDS_PER_MS,
    MINUTE,
    EndpointMetric,
    endpoint_metric,
    instance_count,
)

LEAST_REQUESTS_PER_MINUTE = 20
"""Below this a rate says nothing: one failure of two is 50 %. A count of failures watches the quiet hours."""

_FIVE_MINUTES = Duration.minutes(5)
_QUARTER_HOUR_MIN = 15
# InvocationModelErrors counts a caller's 4xx too; Invocation5XXErrors misses broken connections and time-outs.
_FAILED = "IF(FILL(s5xx, 0) > FILL(model, 0) - FILL(s4xx, 0), FILL(s5xx, 0), FILL(model, 0) - FILL(s4xx, 0))"


class ServiceAlarms(Construct):
    """`<endpoint>-<variant>-<what>` for every variant, told to `topic`.

    `metric_math`: False where CloudWatch is the embedded one, which refuses alarms on expressions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        variants: Sequence[WatchedVariant],
        topic: sns.ITopic,
        metric_math: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        for variant in variants:
            watch = _Watch(endpoint_name, variant)
            for spec in deployable(watch.specs(), metric_math=metric_math):
                add_alarm(
                    self,
                    spec,
                    subject=f"{endpoint_name}-{variant.name}",
                    construct_id=f"{variant.name}-{spec.what}",
                    topic=topic,
                )


@dataclass(frozen=True)
class _Watch:
    """What is watched of one variant."""

    endpoint_name: str
    variant: WatchedVariant

    def specs(self) -> Iterator[AlarmSpec]:
        yield self._error_rate()
        yield self._errors_at_low_traffic()
        yield self._slow_answers()
        yield self._gpu_memory()
        yield self._gpu_busy()
        yield self._no_instance()

    def _error_rate(self) -> AlarmSpec:
        return AlarmSpec(
            what="error-rate",
            meaning="At least 5 % of the requests to this variant failed on its side (no caller's 4xx).",
            metric=share_percent(
                _FAILED,
                "requests",
                self._outcomes(MINUTE),
                least=LEAST_REQUESTS_PER_MINUTE,
                period=MINUTE,
                label="failed, percent",
            ),
            threshold=5,
            periods=5,
            datapoints=3,
            missing=Missing.NOT_BREACHING,  # no request, no failure
        )

    def _errors_at_low_traffic(self) -> AlarmSpec:
        few = LEAST_REQUESTS_PER_MINUTE * _QUARTER_HOUR_MIN
        period = Duration.minutes(_QUARTER_HOUR_MIN)
        return AlarmSpec(
            what="errors-at-low-traffic",
            meaning="Three or more requests failed within 15 minutes, too few requests for a rate.",
            metric=cloudwatch.MathExpression(
                expression=f"IF(FILL(requests, 0) < {few}, {_FAILED}, 0)",
                using_metrics=self._outcomes(period),
                period=period,
                label="failed requests",
            ),
            threshold=3,
            periods=1,
            datapoints=1,
            missing=Missing.NOT_BREACHING,  # no request, no failure
        )

    def _slow_answers(self) -> AlarmSpec:
        target_ms = self.variant.answer_target_ms
        return AlarmSpec(
            what="slow-answers",
            meaning=f"For 15 minutes the slowest 5 % of whole answers took {target_ms} ms or more.",
            metric=self._metric(EndpointMetric.MODEL_LATENCY, "p95", _FIVE_MINUTES),
            threshold=target_ms * MICROSECONDS_PER_MS,
            periods=3,
            datapoints=3,
            missing=Missing.NOT_BREACHING,  # no request, none slow
        )

    def _gpu_memory(self) -> AlarmSpec:
        return AlarmSpec(
            what="gpu-memory",
            # The engine claims its key-value cache at start, so 90-95 % is its normal level.
            meaning="For 15 minutes GPU memory was 98 % full: the next large batch can end in out of memory.",
            metric=self._metric(EndpointMetric.GPU_MEMORY_UTILIZATION, "Maximum", _FIVE_MINUTES),
            threshold=98 * self.variant.gpu_count,
            periods=3,
            datapoints=3,
            missing=Missing.NOT_BREACHING,  # silence is no-instance's to report, once
        )

    def _gpu_busy(self) -> AlarmSpec:
        return AlarmSpec(
            what="gpu-busy",
            meaning="For 30 minutes the GPUs were 95 % busy: scaling out did not help, or cannot go further.",
            metric=self._metric(EndpointMetric.GPU_UTILIZATION, "Average", _FIVE_MINUTES),
            threshold=95 * self.variant.gpu_count,
            periods=6,
            datapoints=6,
            missing=Missing.NOT_BREACHING,  # silence is no-instance's to report, once
        )

    def _no_instance(self) -> AlarmSpec:
        return AlarmSpec(
            what="no-instance",
            meaning="For five minutes no instance of this variant has reported.",
            metric=instance_count(endpoint_name=self.endpoint_name, variant=self.variant.name),
            threshold=1,
            periods=5,
            datapoints=5,
            comparison=Comparison.LESS_THAN_THRESHOLD,
            # Silence is the signal itself: every fleet has at least one instance, at night too.
            missing=Missing.BREACHING,
        )

    def _outcomes(self, period: Duration) -> dict[str, cloudwatch.IMetric]:
        return {
            "requests": self._metric(EndpointMetric.INVOCATIONS, "Sum", period),
            "s4xx": self._metric(EndpointMetric.INVOCATION_4XX_ERRORS, "Sum", period),
            "s5xx": self._metric(EndpointMetric.INVOCATION_5XX_ERRORS, "Sum", period),
            "model": self._metric(EndpointMetric.INVOCATION_MODEL_ERRORS, "Sum", period),
        }

    def _metric(self, metric: EndpointMetric, statistic: str, period: Duration) -> cloudwatch.Metric:
        return endpoint_metric(
            metric,
            endpoint_name=self.endpoint_name,
            variant=self.variant.name,
            statistic=statistic,
            period=period,
        )
