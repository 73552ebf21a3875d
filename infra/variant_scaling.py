"""Scaling of one production variant, from the use case's intent and the environment's hours."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from endpoints.catalogue import BusinessHours, CandidateRole, FleetBounds, ScalingIntent
from infra.model_endpoint import ModelEndpoint


class VariantScaling(Construct):
    """Target tracking on the requests in flight per instance (a 10-second metric that every endpoint emits),
    a step up when they exceed what the instances carry, and smaller bounds outside of business hours.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: ModelEndpoint,
        role: CandidateRole,
        bounds: FleetBounds,
        intent: ScalingIntent,
        business_hours: BusinessHours | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        target = appscaling.ScalableTarget(
            self,
            "Target",
            service_namespace=appscaling.ServiceNamespace.SAGEMAKER,
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{role.value}",
            min_capacity=bounds.min,
            max_capacity=bounds.max,
            role=self._service_linked_role(),
        )
        target.node.add_dependency(endpoint.endpoint)
        target.scale_to_track_metric(
            "RequestsInFlight",
            predefined_metric=(
                appscaling.PredefinedMetric.SAGEMAKER_VARIANT_CONCURRENT_REQUESTS_PER_MODEL_HIGH_RESOLUTION
            ),
            target_value=intent.target_concurrency,
            scale_in_cooldown=Duration.seconds(intent.scale_in_cooldown_s),
            scale_out_cooldown=Duration.seconds(intent.scale_out_cooldown_s),
        )
        if intent.bursts:
            _add_burst_policy(target, endpoint.metric_concurrent_requests(role), intent)
        if business_hours is not None and role in business_hours.quiet:
            _follow_business_hours(target, business_hours, bounds, business_hours.quiet[role])

    def _service_linked_role(self) -> iam.IRole:
        # SageMaker scales with its service-linked role whatever is passed; naming it keeps the L2 construct
        # from creating a role that nothing would use.
        arn = Stack.of(self).format_arn(
            service="iam",
            region="",
            resource="role",
            resource_name=(
                "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
                "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            ),
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        return iam.Role.from_role_arn(self, "ServiceLinkedRole", arn, mutable=False)


def _add_burst_policy(
    target: appscaling.ScalableTarget, requests_in_flight: cloudwatch.Metric, intent: ScalingIntent
) -> None:
    """Past what the instances carry, requests queue already: a fixed number comes at once, twice as many at half as
    much again, whatever target tracking is at.
    """
    target.scale_on_metric(
        "Burst",
        metric=requests_in_flight.with_(period=Duration.minutes(1)),
        scaling_steps=[
            appscaling.ScalingInterval(lower=lower, change=instances) for lower, instances in intent.bursts
        ],
        adjustment_type=appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=Duration.seconds(intent.scale_out_cooldown_s),
        evaluation_periods=1,
    )


def _follow_business_hours(
    target: appscaling.ScalableTarget, hours: BusinessHours, busy: FleetBounds, quiet: FleetBounds
) -> None:
    """Raise the bounds when work begins and lower them when it ends; a weekend begins on the last evening."""
    for name, hour, bounds in (("WorkBegins", hours.from_hour, busy), ("WorkEnds", hours.to_hour, quiet)):
        target.scale_on_schedule(
            name,
            schedule=appscaling.Schedule.cron(minute="0", hour=str(hour), week_day=hours.days),
            min_capacity=bounds.min,
            max_capacity=bounds.max,
            time_zone=TimeZone.of(hours.time_zone),
        )
