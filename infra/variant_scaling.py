"""Scaling of one production variant, from the use case's intent."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_iam as iam
from constructs import Construct

from endpoints.catalogue import CandidateRole, FleetBounds, ScalingIntent
from infra.model_endpoint import ModelEndpoint


class VariantScaling(Construct):
    """Target tracking on the requests in flight per instance (a 10-second metric that every endpoint emits)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: ModelEndpoint,
        role: CandidateRole,
        bounds: FleetBounds,
        intent: ScalingIntent,
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
