"""The alarms that watch an update: while new instances take over, SageMaker asks them whether to roll back.

They are made from names alone, because the endpoint refers to them and is created after them. SageMaker is their
reader: they trip within two or three minutes, on little traffic, and tell nobody else. People get service_alarms.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarm import AlarmSpec, Missing, add_alarm
from infra.endpoint_metrics import MICROSECONDS_PER_MS, EndpointMetric, endpoint_metric

MOST_ROLLBACK_ALARMS = 10
"""SageMaker's limit for AutoRollbackConfiguration."""


@dataclass(frozen=True, kw_only=True)
class WatchedVariant:
    """A production variant: its name, how many cards its model runs on (GPU metrics add up over cards), and what the
    slowest 5 % of its whole answers may take (ModelLatency covers every token).
    """

    name: str
    gpu_count: int
    answer_target_ms: int


class EndpointAlarms(Construct):
    """`<endpoint>-<variant>-<what>` for every variant. `rollback_alarm_names`: for AutoRollbackConfiguration."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        variants: Sequence[WatchedVariant],
    ) -> None:
        super().__init__(scope, construct_id)
        self.rollback_alarm_names: list[str] = []
        for variant in variants:
            subject = f"{endpoint_name}-{variant.name}"
            for spec in _rollback_specs(endpoint_name, variant):
                # The id repeats the name, so that adding an alarm renames no other.
                add_alarm(self, spec, subject=subject, construct_id=f"{variant.name}-{spec.what}", topic=None)
                self.rollback_alarm_names.append(f"{subject}-{spec.what}")
        if len(self.rollback_alarm_names) > MOST_ROLLBACK_ALARMS:
            raise ValueError(f"{endpoint_name}: at most {MOST_ROLLBACK_ALARMS} rollback alarms")


def _rollback_specs(endpoint_name: str, variant: WatchedVariant) -> Iterator[AlarmSpec]:
    def metric(which: EndpointMetric, statistic: str) -> cloudwatch.Metric:
        return endpoint_metric(which, endpoint_name=endpoint_name, variant=variant.name, statistic=statistic)

    yield _rollback(
        "rollback-5xx",
        "At least 5 % of the requests to this variant ended in a 5xx.",
        metric(EndpointMetric.INVOCATION_5XX_ERRORS, "Average"),
        threshold=0.05,
    )
    yield _rollback(
        "rollback-model-errors",
        # A caller's 4xx counts here too, hence so many: only a model that refuses what the old one took gets there.
        "At least 25 % of the requests to this variant got no 2xx from the container.",
        metric(EndpointMetric.INVOCATION_MODEL_ERRORS, "Average"),
        threshold=0.25,
    )
    yield _rollback(
        "rollback-slow-answers",
        f"The slowest 5 % of this variant's whole answers took {variant.answer_target_ms} ms or more.",
        metric(EndpointMetric.MODEL_LATENCY, "p95"),
        threshold=variant.answer_target_ms * MICROSECONDS_PER_MS,
    )


def _rollback(what: str, meaning: str, metric: cloudwatch.Metric, *, threshold: float) -> AlarmSpec:
    return AlarmSpec(
        what=what,
        meaning=f"{meaning} During an update SageMaker rolls back.",
        metric=metric,
        threshold=threshold,
        # One bad minute may be chance; two of three are not, and a bake lasts longer.
        periods=3,
        datapoints=2,
        # A variant without requests emits nothing; that must neither block an update nor undo it.
        missing=Missing.NOT_BREACHING,
    )
