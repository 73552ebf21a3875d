"""The two CloudWatch alarms of a target tracking policy, as Application Auto Scaling makes them. Pure."""

from __future__ import annotations

import uuid
from typing import Any

from endpoints.local.autoscaling.state import Row
from endpoints.local.cloudwatch import Alarm

_HIGH_RESOLUTION = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
_PREDEFINED = {  # metric, statistic, period in seconds
    _HIGH_RESOLUTION: ("ConcurrentRequestsPerModel", "Average", 10),
    "SageMakerVariantInvocationsPerInstance": ("InvocationsPerInstance", "Sum", 60),
}
_SCALE_IN_S = 900  # so long the metric must be low
_SCALE_OUT_PERIODS = 3
_LOW_SHARE = 0.9  # of the target


def supported(predefined_type: str) -> bool:
    """True for the predefined metrics that a variant on instances has."""
    return predefined_type in _PREDEFINED


def tracking_alarms(policy: Row) -> list[Alarm]:
    """AlarmHigh, and AlarmLow unless scale-in is disabled."""
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = _metric(policy["ResourceId"], configuration)
    target, period_s = float(configuration["TargetValue"]), metric["Period"]
    high = {
        "EvaluationPeriods": _SCALE_OUT_PERIODS,
        "Threshold": target,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    low = {
        "EvaluationPeriods": _SCALE_IN_S // period_s,
        "Threshold": target * _LOW_SHARE,
        "ComparisonOperator": "LessThanThreshold",
    }
    alarms = [_alarm(policy, "AlarmHigh", metric | high), _alarm(policy, "AlarmLow", metric | low)]
    return alarms[:1] if configuration.get("DisableScaleIn") else alarms


def _alarm(policy: Row, kind: str, members: dict[str, Any]) -> Alarm:
    return {
        "AlarmName": f"TargetTracking-{policy['ResourceId']}-{kind}-{uuid.uuid4()}",
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}.",
        "AlarmActions": [policy["PolicyARN"]],
    } | members


def _metric(resource_id: str, configuration: dict[str, Any]) -> dict[str, Any]:
    predefined = configuration.get("PredefinedMetricSpecification")
    if predefined is None:
        custom = configuration["CustomizedMetricSpecification"]
        members = {name: custom[name] for name in ("MetricName", "Namespace", "Statistic")}
        return members | {"Dimensions": custom.get("Dimensions", []), "Period": 60}
    name, statistic, period_s = _PREDEFINED[predefined["PredefinedMetricType"]]
    _, endpoint, _, variant = resource_id.split("/")
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Statistic": statistic,
        "Period": period_s,
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ],
    }
