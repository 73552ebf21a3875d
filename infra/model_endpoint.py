"""A SageMaker endpoint whose production variants are a use case's candidates, named by role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from endpoints.catalogue import Candidate, CandidateRole, Container, Engine, FleetBounds
from infra.served_model import ServedModel
from infra.weights_bucket import WeightsBucket

# SageMaker accepts 60-3,600 s. The defaults are too short for tens of gigabytes; the most is asked for until
# the time-outs are derived from the weights' size.
_DOWNLOAD_TIMEOUT_S = 3600
_HEALTH_CHECK_TIMEOUT_S = 1800


class ModelEndpoint(Construct):
    """Models, endpoint configuration and endpoint. `endpoint_name` never changes; the configuration's name is
    left to CloudFormation, because every property of a configuration replaces it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        candidates: Sequence[Candidate],
        fleets: Mapping[CandidateRole, FleetBounds],
        containers: Callable[[Engine], Container],
        weights: WeightsBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.endpoint_name = endpoint_name
        variants = [
            self._variant(candidate, fleets[candidate.role], containers(candidate.engine), weights)
            for candidate in candidates
        ]
        config = sagemaker.CfnEndpointConfig(self, "Config", production_variants=variants)
        self.endpoint_config_name = config.attr_endpoint_config_name
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint_name,
            endpoint_config_name=self.endpoint_config_name,
            # Weights and instance counts belong to the running system (canaries, autoscaling): an update of
            # the models must not set them back.
            retain_all_variant_properties=True,
        )

    def _variant(
        self, candidate: Candidate, fleet: FleetBounds, container: Container, weights: WeightsBucket
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        served = ServedModel(
            self,
            candidate.role.value.capitalize(),
            candidate=candidate,
            container=container,
            endpoint_name=self.endpoint_name,
            weights=weights,
        )
        return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name=candidate.role.value,
            model_name=served.model_name,
            instance_type=candidate.instance_type,
            initial_instance_count=fleet.min,
            initial_variant_weight=1 if candidate.role is CandidateRole.PRIMARY else 0,
            inference_ami_version=container.host_ami,
            model_data_download_timeout_in_seconds=_DOWNLOAD_TIMEOUT_S,
            container_startup_health_check_timeout_in_seconds=_HEALTH_CHECK_TIMEOUT_S,
            routing_config=sagemaker.CfnEndpointConfig.RoutingConfigProperty(
                routing_strategy="LEAST_OUTSTANDING_REQUESTS"
            ),
        )


def grant_invoke_endpoints(grantee: iam.IGrantable, scope: Construct, endpoint_names: Iterable[str]) -> None:
    """Let `grantee` invoke these endpoints, buffered and streamed, and no other."""
    stack = Stack.of(scope)
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
            resources=[
                stack.format_arn(
                    service="sagemaker",
                    resource="endpoint",
                    resource_name=name,
                    arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                )
                for name in endpoint_names
            ],
        )
    )
