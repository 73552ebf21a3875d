"""CloudWatch's embedded metric format: the member of a log line that says which of its others are metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
CloudWatch Logs reads it, so that the router waits for nothing. What never changes of it is rendered once: a line
differs in its metrics, its dimensions and its time.
"""

from __future__ import annotations

import json
from functools import cache

USE_CASE, CANDIDATE, OUTCOME = "UseCase", "Candidate", "Outcome"
"""Dimensions, each of few values; those of the metric filters have the same names (infra/router_metrics.py)."""


class Metric:
    """The metrics' names. Those with `gen_ai` and their units are OpenTelemetry's.

    https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md . Of
    `gen_ai.client.token.usage` a line can hold one value, and there are two (`gen_ai.token.type`): so they go by the
    names that the same conventions have for the attributes of a span.
    """

    DURATION = "gen_ai.client.operation.duration"
    FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
    INPUT_TOKENS = "gen_ai.usage.input_tokens"
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
    ATTEMPTS = "adept.attempts"
    HEDGES = "adept.hedges"
    COST = "adept.cost"  # USD, for which CloudWatch has no unit
    SHADOW_DURATION = "adept.shadow.duration"
    SHADOW_COST = "adept.shadow.cost"
    TABLE_UNAVAILABLE = "adept.route_table.unavailable"
    UNCOUNTED = "adept.limits.unavailable"


_UNITS = {
    Metric.DURATION: "Seconds",
    Metric.FIRST_CHUNK: "Seconds",
    Metric.INPUT_TOKENS: "Count",
    Metric.OUTPUT_TOKENS: "Count",
    Metric.ATTEMPTS: "Count",
    Metric.HEDGES: "Count",
    Metric.COST: "None",
    Metric.SHADOW_DURATION: "Seconds",
    Metric.SHADOW_COST: "None",
    Metric.TABLE_UNAVAILABLE: "Count",
    Metric.UNCOUNTED: "Count",
}


def namespace(environment: str) -> str:
    """The metric filters' namespace too."""
    return f"AdeptAI/{environment}"


@cache
def directives(
    environment: str, metrics: tuple[str, ...], dimension_sets: tuple[tuple[str, ...], ...]
) -> str:
    """`"CloudWatchMetrics": [...]`, rendered. Each of `metrics` is published once for each of `dimension_sets`."""
    directive = {
        "Namespace": namespace(environment),
        "Dimensions": dimension_sets,
        "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in metrics],
    }
    return f'"CloudWatchMetrics":[{json.dumps(directive, separators=(",", ":"))}]'


def with_metrics(line: str, directives: str, now_ms: int) -> str:
    """`line`, a JSON object that is not empty, with its metrics declared."""
    return f'{{"_aws":{{"Timestamp":{now_ms},{directives}}},{line[1:]}'
