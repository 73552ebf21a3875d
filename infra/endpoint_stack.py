"""One use case: its models, its endpoint, its scaling."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment, UseCase
from endpoints.naming import endpoint_name
from infra.model_endpoint import ModelEndpoint
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
        weights: WeightsBucket,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description=f"AdeptAI {environment.name}: {use_case.title}", **kwargs
        )
        endpoint = ModelEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint_name(environment.name, use_case.id),
            candidates=[use_case.candidate(role) for role in environment.roles],
            fleets=environment.instances,
            containers=catalogue.container,
            weights=weights,
        )
        for role in environment.roles:
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
                )
        tag(self, "use-case", use_case.id)
        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "EndpointConfigName", value=endpoint.endpoint_config_name)
