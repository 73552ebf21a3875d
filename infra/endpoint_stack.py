"""One use case: its models, its endpoint, its scaling."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import deployed_candidates
from endpoints.locks import Lock, snapshot_of
from endpoints.naming import endpoint_name
from endpoints.sizing.answer_time import variant_target_ms
from infra.endpoint_alarms import EndpointAlarms, WatchedVariant
from infra.model_endpoint import ModelEndpoint
from infra.routing_alarms import RoutingAlarms
from infra.service_alarms import ServiceAlarms
from infra.stager import Stager
from infra.tagging import tag
from infra.variant_scaling import VariantScaling
from infra.weights_bucket import WeightsBucket


class EndpointStack(Stack):
    """Outputs: `EndpointName`, and `EndpointConfigName`, which an update must have moved on."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalogue: Catalogue,
        environment: Environment,
        use_case: UseCase,
        lock: Lock,
        weights: WeightsBucket,
        stager: Stager,
        alerts: sns.ITopic,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description=f"AdeptAI {environment.name}: {use_case.title}", **kwargs
        )
        candidates = deployed_candidates(use_case, environment)
        name = endpoint_name(environment.name, use_case.id)
        watched = [
            WatchedVariant(
                name=candidate.role.value,
                gpu_count=candidate.gpu_count,
                answer_target_ms=variant_target_ms(catalogue, environment, use_case, candidate.role),
            )
            for candidate in candidates
        ]
        rollback = EndpointAlarms(self, "UpdateAlarms", endpoint_name=name, variants=watched)
        endpoint = ModelEndpoint(
            self,
            "Endpoint",
            endpoint_name=name,
            candidates=candidates,
            catalogue=catalogue,
            environment=environment,
            snapshots={candidate.role: snapshot_of(lock, use_case, candidate) for candidate in candidates},
            weights=weights,
            stager=None if environment.load_from_hub else stager,
            rollback_alarms=rollback.rollback_alarm_names if environment.updates.auto_rollback else (),
            after=rollback,
        )
        alarms = ServiceAlarms(
            self,
            "Alarms",
            endpoint_name=name,
            variants=watched,
            topic=alerts,
            metric_math=not environment.embedded,
        )
        alarms.node.add_dependency(endpoint.endpoint)
        RoutingAlarms(
            self,
            "RoutingAlarms",
            environment=environment,
            use_case=use_case,
            topic=alerts,
            metric_math=not environment.embedded,
        )
        for role in (candidate.role for candidate in candidates):
            bounds = environment.instances[role]
            if bounds.max > bounds.min:
                # A registered target makes SageMaker refuse an instance-type change, so a fleet
                # that cannot scale registers none.
                VariantScaling(
                    self,
                    f"{role.value.capitalize()}Scaling",
                    endpoint=endpoint,
                    role=role,
                    bounds=bounds,
                    intent=use_case.scaling,
                    business_hours=environment.business_hours,
                )
        tag(self, "use-case", use_case.id)
        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "EndpointConfigName", value=endpoint.endpoint_config_name)
