"""What the router tells: its log lines turned into metrics by CloudWatch Logs, so that the router waits for nothing.

The router writes one JSON line per request (lambdas/router/telemetry/request_line.py); a contract test holds these
patterns against real lines. A filter with dimensions emits nothing while nothing matches: no value means zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from endpoints.naming import environment_name

_USE_CASE = {"UseCase": "$.use_case"}
_CANDIDATE = {"UseCase": "$.use_case", "Candidate": "$.candidate"}
_NO_DIMENSIONS: dict[str, str] = {}
_REQUEST = '($.event = "request")'
# `= "*"` is how a pattern says that a field is there and no null (the CDK's FilterPattern.exists writes the same).
_ASKED = f'{_REQUEST} && ($.attempts[0].role = "*")'
# A stream that broke, or whose caller left, is no answer.
_ANSWERED = f'{_REQUEST} && ($.candidate = "*") && ($.ended = "complete")'
_COUNT, _MS = cloudwatch.Unit.COUNT, cloudwatch.Unit.MILLISECONDS


class RouterMetric(Enum):
    """A metric: name, pattern of the lines that count, value of a line, dimensions, unit, usual statistic."""

    ASKED = ("RequestsToModels", _ASKED, "1", _USE_CASE, _COUNT, "Sum")
    ANSWERED = ("Answers", _ANSWERED, "1", _CANDIDATE, _COUNT, "Sum")
    # Another candidate was asked because the first one had failed; repetitions and hedges are none.
    FAILED_OVER = ("Failovers", f"{_REQUEST} && ($.failovers >= 1)", "1", _USE_CASE, _COUNT, "Sum")
    FAILED = (
        "FailedRequests",
        f'{_REQUEST} && ($.use_case = "*") && (($.status >= 500) || ($.error = "stream_interrupted"))',
        "1",
        _USE_CASE,
        _COUNT,
        "Sum",
    )
    # SageMaker throttled the invocation, or the engine's queue was full.
    THROTTLED = (
        "ThrottledAttempts",
        f'{_REQUEST} && (($.attempts[0].outcome = "overloaded") || ($.attempts[1].outcome = "overloaded"))',
        "1",
        _USE_CASE,
        _COUNT,
        "Sum",
    )
    ANSWER_TIME = ("AnswerTime", _ANSWERED, "$.latency_ms", _USE_CASE, _MS, "p95")
    # Of streamed answers only: from the answering attempt's begin to the first piece that SageMaker passes on.
    FIRST_TOKEN = (
        "FirstTokenTime",
        f"{_ANSWERED} && ($.first_token_ms >= 0)",
        "$.first_token_ms",
        _USE_CASE,
        _MS,
        "p95",
    )
    PROMPT_TOKENS = (
        "PromptTokens",
        f"{_ANSWERED} && ($.prompt_tokens >= 0)",
        "$.prompt_tokens",
        _USE_CASE,
        _COUNT,
        "Sum",
    )
    COMPLETION_TOKENS = (
        "CompletionTokens",
        f"{_ANSWERED} && ($.completion_tokens >= 0)",
        "$.completion_tokens",
        _USE_CASE,
        _COUNT,
        "Sum",
    )
    CRASHED = (
        "RouterCrashes",
        '($.event = "crash") || ($.event = "route_table_invalid")',
        "1",
        _NO_DIMENSIONS,
        _COUNT,
        "Sum",
    )

    def __init__(
        self,
        metric_name: str,
        condition: str,
        value_of_line: str,
        dimensions: Mapping[str, str],
        unit: cloudwatch.Unit,
        statistic: str,
    ) -> None:
        self.metric_name = metric_name
        self.pattern = f"{{ {condition} }}"
        self.value_of_line = value_of_line
        self.dimensions = dimensions
        self.unit = unit
        self.statistic = statistic


# What lines declare themselves in the embedded metric format (lambdas/router/telemetry/emf.py), without dimensions.
TABLE_UNAVAILABLE = "adept.route_table.unavailable"
LIMITS_UNAVAILABLE = "adept.limits.unavailable"

GATEWAY_THROTTLED = "GatewayThrottled"
GATEWAY_THROTTLED_PATTERN = '{ $.status = "429" }'
"""API Gateway has no metric of its own for 429: it hides in 4XXError. Its access log tells (status is text there)."""


def namespace(environment: str) -> str:
    """Each environment has its own. The metrics that log lines declare themselves are there too, under other names."""
    return f"AdeptAI/{environment}"


def router_metric(
    metric: RouterMetric,
    environment: str,
    *,
    use_case: str | None = None,
    candidate: str | None = None,
    statistic: str | None = None,
    period: Duration,
    label: str | None = None,
    color: str | None = None,
) -> cloudwatch.Metric:
    """`metric` with the dimensions it is emitted with. Raises ValueError when others are asked for."""
    given = {
        name: value for name, value in (("UseCase", use_case), ("Candidate", candidate)) if value is not None
    }
    if given.keys() != metric.dimensions.keys():
        raise ValueError(
            f"{metric.metric_name} has dimensions {sorted(metric.dimensions)}, got {sorted(given)}"
        )
    return cloudwatch.Metric(
        namespace=namespace(environment),
        metric_name=metric.metric_name,
        dimensions_map=given or None,
        statistic=statistic or metric.statistic,
        period=period,
        label=label,
        color=color,
    )


def api_metric(
    name: str,
    environment: str,
    *,
    statistic: str,
    period: Duration,
    label: str | None = None,
    color: str | None = None,
) -> cloudwatch.Metric:
    """A metric of the environment's REST API: Count, 4XXError, 5XXError, Latency and IntegrationLatency (ms)."""
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiName": environment_name(environment)},
        statistic=statistic,
        period=period,
        label=label,
        color=color,
    )


class RouterMetricFilters(Construct):
    """The filters on the router's log group and on the API's access log."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: str,
        router_log: logs.ILogGroup,
        access_log: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        for metric in RouterMetric:
            logs.MetricFilter(
                self,
                metric.metric_name,
                log_group=router_log,
                metric_namespace=namespace(environment),
                metric_name=metric.metric_name,
                filter_pattern=logs.FilterPattern.literal(metric.pattern),
                metric_value=metric.value_of_line,
                dimensions=dict(metric.dimensions) or None,
                unit=metric.unit,
            )
        logs.MetricFilter(
            self,
            GATEWAY_THROTTLED,
            log_group=access_log,
            metric_namespace=namespace(environment),
            metric_name=GATEWAY_THROTTLED,
            filter_pattern=logs.FilterPattern.literal(GATEWAY_THROTTLED_PATTERN),
            metric_value="1",
            unit=_COUNT,
        )
