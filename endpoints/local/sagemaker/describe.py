"""DescribeEndpoint's answer, from the records. Pure."""

from __future__ import annotations

from typing import Any

from endpoints.local.sagemaker.records import Endpoint, Pending, Variant, as_time


def endpoint_answer(endpoint: Endpoint) -> dict[str, Any]:
    """What DescribeEndpoint says. An endpoint that failed to come up has no variants, as in SageMaker."""
    variants = [_variant(endpoint, variant) for variant in endpoint.fleet.values()]
    answer = endpoint_summary(endpoint) | {
        "EndpointConfigName": endpoint.config_name,
        "ProductionVariants": variants if endpoint.status != "Failed" else None,
        "FailureReason": endpoint.failure_reason,
        "LastDeploymentConfig": endpoint.deployment_config,
        "DataCaptureConfig": _data_capture(endpoint.data_capture),
        "PendingDeploymentSummary": _pending(endpoint.pending) if endpoint.pending else None,
    }
    return {name: value for name, value in answer.items() if value is not None}


def endpoint_summary(endpoint: Endpoint) -> dict[str, Any]:
    """One row of ListEndpoints."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointStatus": endpoint.status,
        "CreationTime": as_time(endpoint.created_at_s),
        "LastModifiedTime": as_time(endpoint.modified_at_s),
    }


def _variant(endpoint: Endpoint, variant: Variant) -> dict[str, Any]:
    answer = _pending_variant(variant, endpoint.created_at_s) | {
        "CurrentWeight": variant.current_weight,
        "CurrentInstanceCount": variant.healthy_count,
        "VariantStatus": _variant_status(endpoint, variant),
        "RoutingConfig": variant.routing_config,
        "InstancePools": _pools(variant),
    }
    return {name: value for name, value in answer.items() if value is not None}


def _variant_status(endpoint: Endpoint, variant: Variant) -> list[dict[str, Any]] | None:
    """Empty while all is well. An unhealthy instance shows as one that SageMaker is creating anew."""
    if endpoint.status in {"Creating", "Updating", "Deleting"}:
        return [{"Status": endpoint.status, "StartTime": as_time(endpoint.modified_at_s)}]
    missing = variant.desired_count - variant.healthy_count
    if endpoint.status != "InService" or missing <= 0:
        return None
    since_s = [i.unhealthy_since_s for i in variant.instances if i.unhealthy_since_s is not None]
    count = f"{missing} of {variant.desired_count} instances"
    message = f"{count} do not pass the ping health check and are being replaced."
    start = as_time(min(since_s, default=endpoint.modified_at_s))
    return [{"Status": "Creating", "StatusMessage": message, "StartTime": start}]


def _pending(pending: Pending) -> dict[str, Any]:
    return {
        "EndpointConfigName": pending.config_name,
        "ProductionVariants": [_deploying_variant(pending, v) for v in pending.fleet.values()],
        "StartTime": as_time(pending.started_at_s),
    }


def _deploying_variant(pending: Pending, variant: Variant) -> dict[str, Any]:
    """What a deployment has brought of a variant. `CurrentWeight` is the weight of the part that has traffic."""
    answer = _pending_variant(variant, pending.started_at_s) | {
        "InstanceType": variant.instance_type if len(variant.instance_types) == 1 else None,
        "InstancePools": _pools(variant),
        "CurrentWeight": variant.desired_weight * pending.share(variant.name),
        "CurrentInstanceCount": variant.healthy_count,
    }
    stage = pending.stages.get(variant.name)
    if stage is not None:
        start = as_time(stage.started_at_s)
        answer["VariantStatus"] = [
            {"Status": stage.status, "StatusMessage": stage.message, "StartTime": start}
        ]
    return {name: value for name, value in answer.items() if value is not None}


def _pools(variant: Variant) -> list[dict[str, Any]] | None:
    """How many instances of each type run; only for a variant that is configured with InstancePools."""
    if len(variant.instance_types) == 1:
        return None
    running = [instance.instance_type for instance in variant.instances if instance.healthy]
    return [{"InstanceType": t, "CurrentInstanceCount": running.count(t)} for t in variant.instance_types]


def _pending_variant(variant: Variant, since_s: float) -> dict[str, Any]:
    image = {
        "SpecifiedImage": variant.image,
        "ResolvedImage": variant.image,
        "ResolutionTime": as_time(since_s),
    }
    return {
        "VariantName": variant.name,
        "DeployedImages": [image],
        "CurrentWeight": 0.0,
        "DesiredWeight": variant.desired_weight,
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": variant.desired_count,
    }


def _data_capture(config: dict[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    return {
        "EnableCapture": config.get("EnableCapture", False),
        "CaptureStatus": "Stopped",  # stored, not carried out
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
