"""One alarm, as every alarm of this project is made: a fixed name, a meaning, a pointer to its runbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

RUNBOOK = "docs/operations.md"
RATE_PERIOD = Duration.minutes(5)
LEAST_REQUESTS = 100  # in that period: below this a rate says nothing
Missing = cloudwatch.TreatMissingData
Comparison = cloudwatch.ComparisonOperator


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    """What to watch and when to speak: `datapoints` of the last `periods` beyond `threshold`.

    `what` ends the alarm's name and names its entry in the runbook.
    """

    what: str
    meaning: str
    metric: cloudwatch.IMetric
    threshold: float
    periods: int
    datapoints: int
    missing: cloudwatch.TreatMissingData
    comparison: cloudwatch.ComparisonOperator = Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


def add_alarm(
    scope: Construct, spec: AlarmSpec, *, subject: str, construct_id: str, topic: sns.ITopic | None
) -> cloudwatch.Alarm:
    """The alarm `<subject>-<what>`. Tells `topic` when it trips and when it recovers; None tells nobody."""
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=f"{subject}-{spec.what}",
        alarm_description=f"{spec.meaning} What to do: {RUNBOOK}#{spec.what}",
        metric=spec.metric,
        threshold=spec.threshold,
        evaluation_periods=spec.periods,
        datapoints_to_alarm=spec.datapoints,
        comparison_operator=spec.comparison,
        treat_missing_data=spec.missing,
    )
    if topic is not None:
        action = actions.SnsAction(topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
    return alarm


def deployable(specs: Iterable[AlarmSpec], *, metric_math: bool) -> list[AlarmSpec]:
    """`specs`, without those on an expression where CloudWatch is the embedded one, which refuses them."""
    return [spec for spec in specs if metric_math or not isinstance(spec.metric, cloudwatch.MathExpression)]


def share_percent(
    part: str,
    whole: str,
    metrics: Mapping[str, cloudwatch.IMetric],
    *,
    least: int,
    period: Duration,
    label: str,
) -> cloudwatch.MathExpression:
    """`part` of `whole` in percent; 0 while `whole` is below `least`, so that one failure of two pages nobody."""
    return cloudwatch.MathExpression(
        expression=f"IF(FILL({whole}, 0) >= {least}, 100 * ({part}) / {whole}, 0)",
        using_metrics=metrics,
        period=period,
        label=label,
    )
