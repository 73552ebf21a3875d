"""The metrics that a SageMaker endpoint emits, per production variant: where they lie, in what unit, what they mean.

Source: "Amazon SageMaker AI metrics in Amazon CloudWatch" (Developer Guide), tables "endpoint invocation metrics" and
"endpoint metrics". All are emitted every minute; ConcurrentRequestsPerModel every ten seconds.
"""

from __future__ import annotations

from enum import Enum

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

MICROSECONDS_PER_MS = 1000
MINUTE = Duration.minutes(1)


class EndpointMetric(Enum):
    """A metric: its name, its namespace and the statistic that reads it best."""

    INVOCATIONS = ("Invocations", "AWS/SageMaker", "Sum")
    INVOCATIONS_PER_INSTANCE = ("InvocationsPerInstance", "AWS/SageMaker", "Sum")
    # One sample per request, 1 for a failure and 0 otherwise: "Average" is the rate, "Sum" the count.
    INVOCATION_4XX_ERRORS = ("Invocation4XXErrors", "AWS/SageMaker", "Sum")
    INVOCATION_5XX_ERRORS = ("Invocation5XXErrors", "AWS/SageMaker", "Sum")
    # Whatever is no 2xx from the container: 4xx and 5xx, broken connections, malformed answers, time-outs.
    INVOCATION_MODEL_ERRORS = ("InvocationModelErrors", "AWS/SageMaker", "Sum")
    # Microseconds. From SageMaker's request to the container until its whole answer is there: of a generated
    # text every token, not the first one.
    MODEL_LATENCY = ("ModelLatency", "AWS/SageMaker", "p95")
    OVERHEAD_LATENCY = ("OverheadLatency", "AWS/SageMaker", "Average")  # microseconds
    CONCURRENT_REQUESTS_PER_MODEL = ("ConcurrentRequestsPerModel", "AWS/SageMaker", "Maximum")
    # One sample per instance and minute, so that "SampleCount" over a minute counts the instances. CPU and GPU
    # utilisation and GPU memory add up over cores and cards: four cards range from 0 to 400 %.
    CPU_UTILIZATION = ("CPUUtilization", "/aws/sagemaker/Endpoints", "Average")
    MEMORY_UTILIZATION = ("MemoryUtilization", "/aws/sagemaker/Endpoints", "Average")
    GPU_UTILIZATION = ("GPUUtilization", "/aws/sagemaker/Endpoints", "Average")
    GPU_MEMORY_UTILIZATION = ("GPUMemoryUtilization", "/aws/sagemaker/Endpoints", "Maximum")
    DISK_UTILIZATION = ("DiskUtilization", "/aws/sagemaker/Endpoints", "Maximum")

    def __init__(self, metric_name: str, namespace: str, statistic: str) -> None:
        self.metric_name = metric_name
        self.namespace = namespace
        self.statistic = statistic


def endpoint_metric(
    metric: EndpointMetric,
    *,
    endpoint_name: str,
    variant: str,
    statistic: str | None = None,
    period: Duration = MINUTE,
    label: str | None = None,
    color: str | None = None,
) -> cloudwatch.Metric:
    """`metric` of one variant. `statistic`: Sum, Average, Maximum, SampleCount, p95, ..."""
    return cloudwatch.Metric(
        namespace=metric.namespace,
        metric_name=metric.metric_name,
        dimensions_map={"EndpointName": endpoint_name, "VariantName": variant},
        statistic=statistic or metric.statistic,
        period=period,
        label=label,
        color=color,
    )


def instance_samples(*, endpoint_name: str, variant: str, period: Duration = MINUTE) -> cloudwatch.Metric:
    """One sample per instance and minute. SageMaker has no metric that counts instances."""
    return endpoint_metric(
        EndpointMetric.CPU_UTILIZATION,
        endpoint_name=endpoint_name,
        variant=variant,
        statistic="SampleCount",
        period=period,
    )


def instances_from(samples: str) -> str:
    """The expression for instances, given the id of `instance_samples` of any period (graphs lengthen periods)."""
    return f"({samples} * 60 / PERIOD({samples}))"


def instance_count(*, endpoint_name: str, variant: str) -> cloudwatch.Metric:
    """Instances that report, minute by minute."""
    return instance_samples(endpoint_name=endpoint_name, variant=variant)
