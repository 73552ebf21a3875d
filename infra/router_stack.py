"""The router of an environment: function, permissions, API."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment
from endpoints.naming import endpoint_name, environment_name
from endpoints.route_table import render_route_table
from infra.model_endpoint import grant_invoke_endpoints
from infra.retention import RETENTION
from infra.router_api import RouterApi
from infra.router_function import RouterFunction
from infra.router_metrics import RouterMetricFilters


class RouterStack(Stack):
    """Outputs: `ApiUrl`, `ApiId`, `ApiKeyId`, `StageName`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalogue: Catalogue,
        environment: Environment,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description=f"AdeptAI {environment.name}: router", **kwargs)
        router = RouterFunction(
            self,
            "Router",
            settings=environment.router,
            route_table=render_route_table(catalogue, environment),
        )
        names = [endpoint_name(environment.name, use_case.id) for use_case in catalogue.use_cases]
        grant_invoke_endpoints(router.role, self, names)
        api = RouterApi(
            self,
            "Api",
            name=environment_name(environment.name),
            function=router.function,
            limits=environment.api,
            log_retention=RETENTION[environment.router.log_retention_days],
        )
        RouterMetricFilters(
            self,
            "Metrics",
            environment=environment.name,
            router_log=router.log_group,
            access_log=api.access_log,
        )
        CfnOutput(self, "ApiUrl", value=api.api.url)
        CfnOutput(self, "ApiId", value=api.api.rest_api_id)
        CfnOutput(self, "ApiKeyId", value=api.api_key.key_id)
        CfnOutput(self, "StageName", value=api.api.deployment_stage.stage_name)
