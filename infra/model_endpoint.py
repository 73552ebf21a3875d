"""A SageMaker endpoint whose production variants are a use case's candidates, named by role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import Annotations, ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct, IDependable

from endpoints.catalogue import Candidate, CandidateRole, Catalogue, Environment
from endpoints.locks import LockedSnapshot
from endpoints.sizing.timeouts import start_timeouts, weights_gb
from endpoints.sizing.traffic_shift import traffic_shift
from infra.deployment_config import deployment_config
from infra.endpoint_metrics import EndpointMetric, endpoint_metric, instance_count
from infra.served_model import ServedModel
from infra.staged_snapshot import StagedSnapshot
from infra.stager import Stager
from infra.weights_bucket import WeightsBucket

# Long enough to try every pool of a fallback list; SageMaker accepts 300-3,600 s.
_PROVISION_TIMEOUT_S = 1800


class ModelEndpoint(Construct):
    """Models, endpoint configuration and endpoint. `endpoint_name` never changes; the configuration's name is
    left to CloudFormation, because every property of a configuration replaces it.

    `snapshots` are the bytes of each candidate, by role; with a `stager` they are staged before a model is created.
    `rollback_alarms` are names of alarms that end an update and bring the old fleet back; `after` must exist
    before the endpoint does (those alarms).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        candidates: Sequence[Candidate],
        catalogue: Catalogue,
        environment: Environment,
        snapshots: Mapping[CandidateRole, LockedSnapshot],
        weights: WeightsBucket,
        stager: Stager | None = None,
        rollback_alarms: Sequence[str] = (),
        after: IDependable | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stager = stager
        self.endpoint_name = endpoint_name
        self._catalogue = catalogue
        self._environment = environment
        self._rollback_alarms = rollback_alarms
        variants = [self._variant(candidate, snapshots[candidate.role], weights) for candidate in candidates]
        config = sagemaker.CfnEndpointConfig(self, "Config", production_variants=variants)
        self.endpoint_config_name = config.attr_endpoint_config_name
        shift = traffic_shift(
            {candidate.role: environment.smallest_fleet(candidate.role) for candidate in candidates}
        )
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint_name,
            endpoint_config_name=self.endpoint_config_name,
            # Weights and instance counts belong to the running system (canaries, autoscaling): an update of
            # the models must not set them back.
            retain_all_variant_properties=True,
            deployment_config=deployment_config(shift, environment.updates, rollback_alarms),
        )
        if after is not None:
            self.endpoint.node.add_dependency(after)
        Annotations.of(self).add_info(f"An update of {endpoint_name} shifts traffic: {shift.why}.")

    def grant_invoke(self, grantee: iam.IGrantable) -> None:
        """Let `grantee` invoke this endpoint, buffered and streamed."""
        grant_invoke_endpoints(grantee, self, [self.endpoint_name])

    def metric(
        self, metric: EndpointMetric, role: CandidateRole, *, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """A metric of one variant; without `statistic` the one that reads it best."""
        return endpoint_metric(
            metric, endpoint_name=self.endpoint_name, variant=role.value, statistic=statistic
        )

    def metric_invocations(self, role: CandidateRole) -> cloudwatch.Metric:
        """Requests."""
        return self.metric(EndpointMetric.INVOCATIONS, role)

    def metric_invocation_4xx_errors(self, role: CandidateRole) -> cloudwatch.Metric:
        """Requests that ended in a client error."""
        return self.metric(EndpointMetric.INVOCATION_4XX_ERRORS, role)

    def metric_invocation_5xx_errors(self, role: CandidateRole) -> cloudwatch.Metric:
        """Requests that ended in a server error."""
        return self.metric(EndpointMetric.INVOCATION_5XX_ERRORS, role)

    def metric_model_errors(self, role: CandidateRole) -> cloudwatch.Metric:
        """Requests that the container did not answer with 2xx."""
        return self.metric(EndpointMetric.INVOCATION_MODEL_ERRORS, role)

    def metric_model_latency(self, role: CandidateRole, statistic: str = "p95") -> cloudwatch.Metric:
        """Microseconds until the container's whole answer is there."""
        return self.metric(EndpointMetric.MODEL_LATENCY, role, statistic=statistic)

    def metric_overhead_latency(self, role: CandidateRole, statistic: str = "p95") -> cloudwatch.Metric:
        """Microseconds that SageMaker adds."""
        return self.metric(EndpointMetric.OVERHEAD_LATENCY, role, statistic=statistic)

    def metric_concurrent_requests(
        self, role: CandidateRole, statistic: str = "Average"
    ) -> cloudwatch.Metric:
        """Requests in flight per instance."""
        return self.metric(EndpointMetric.CONCURRENT_REQUESTS_PER_MODEL, role, statistic=statistic)

    def metric_gpu_utilization(self, role: CandidateRole) -> cloudwatch.Metric:
        """Percent, added up over the cards of an instance."""
        return self.metric(EndpointMetric.GPU_UTILIZATION, role)

    def metric_gpu_memory_utilization(self, role: CandidateRole) -> cloudwatch.Metric:
        """Percent, added up over the cards of an instance."""
        return self.metric(EndpointMetric.GPU_MEMORY_UTILIZATION, role)

    def metric_instances(self, role: CandidateRole) -> cloudwatch.Metric:
        """Instances that report."""
        return instance_count(endpoint_name=self.endpoint_name, variant=role.value)

    def _variant(
        self, candidate: Candidate, snapshot: LockedSnapshot, weights: WeightsBucket
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        container = self._catalogue.container(candidate.engine)
        from_hub = self._environment.load_from_hub
        timeouts = start_timeouts(weights_gb(self._catalogue, candidate), by_container=from_hub)
        served = ServedModel(
            self,
            candidate.role.value.capitalize(),
            candidate=candidate,
            container=container,
            endpoint_name=self.endpoint_name,
            snapshot=snapshot,
            weights=weights,
            hub_url=self._environment.hub_url if from_hub else None,
            network=self._environment.network,
            rollback_alarms=self._rollback_alarms,
            after=self._staged(candidate.role, snapshot),
        )
        pools = self._pools(candidate)
        return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name=candidate.role.value,
            model_name=served.model_name,
            instance_type=None if pools else candidate.instance_type,
            instance_pools=pools or None,
            variant_instance_provision_timeout_in_seconds=_PROVISION_TIMEOUT_S if pools else None,
            initial_instance_count=self._environment.instances[candidate.role].min,
            initial_variant_weight=1 if candidate.role is CandidateRole.PRIMARY else 0,
            inference_ami_version=container.host_ami,
            model_data_download_timeout_in_seconds=timeouts.download_s,
            container_startup_health_check_timeout_in_seconds=timeouts.health_check_s,
            routing_config=sagemaker.CfnEndpointConfig.RoutingConfigProperty(
                routing_strategy="LEAST_OUTSTANDING_REQUESTS"
            ),
        )

    def _staged(self, role: CandidateRole, snapshot: LockedSnapshot) -> IDependable | None:
        if self._stager is None:
            return None
        name = f"{role.value.capitalize()}Snapshot"
        return StagedSnapshot(self, name, snapshot=snapshot, stager=self._stager)

    def _pools(self, candidate: Candidate) -> list[sagemaker.CfnEndpointConfig.InstancePoolProperty]:
        """Instance types by priority where the environment falls back; empty where it does not."""
        if not (self._environment.instance_fallback and candidate.fallback_instance_types):
            return []
        types = (candidate.instance_type, *candidate.fallback_instance_types)
        return [
            sagemaker.CfnEndpointConfig.InstancePoolProperty(instance_type=instance_type, priority=priority)
            for priority, instance_type in enumerate(types, start=1)
        ]


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
