"""The router of an environment: function, permissions, API, route table, counters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from endpoints.catalogue import HOST, Catalogue, Environment
from endpoints.naming import endpoint_name, environment_name
from endpoints.route_table import render_route_table
from infra.lambda_bundle import ROUTER, Target, build_bundle
from infra.model_endpoint import grant_invoke_endpoints
from infra.retention import RETENTION
from infra.router_api import RouterApi
from infra.router_function import RouterFunction
from infra.router_limits import KeyCounters
from infra.router_metrics import RouterMetricFilters
from infra.router_table import KEY, RouteTableObject
from infra.router_web_adapter import RUN_SCRIPT


class RouterStack(Stack):
    """Outputs: `ApiUrl`, `ApiId`, `StageName`, `RouteTableUrl`, `DeployedRouteTableUrl`; with keys `ApiKeyId`."""

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
        bundle = router_bundle(catalogue, environment)
        table = RouteTableObject(self, "RouteTable", environment=environment, rendered=bundle / KEY)
        counters = KeyCounters(self, "KeyCounters", environment=environment)
        sharing = environment.router.share_breakers
        router = RouterFunction(
            self,
            "Router",
            settings=environment.router,
            bundle=bundle,
            variables={
                "ROUTE_TABLE_URL": table.url,
                **counters.variables(environment.api.key_limits),
                **({"BREAKERS_TABLE": counters.table.table_name} if sharing else {}),
            },
        )
        names = [endpoint_name(environment.name, use_case.id) for use_case in catalogue.use_cases]
        grant_invoke_endpoints(router.role, self, names)
        table.grant_read(router.role)
        counters.grant_count(router.role)
        if sharing:
            counters.grant_share_breakers(router.role)
        api = RouterApi(
            self,
            "Api",
            name=environment_name(environment.name),
            function=router.entry,
            settings=environment.api,
            router=environment.router,
            log_retention=RETENTION[environment.router.log_retention_days],
        )
        RouterMetricFilters(
            self,
            "Metrics",
            environment=environment.name,
            router_log=router.log_group,
            access_log=api.access_log,
        )
        self._outputs(api, table)

    def _outputs(self, api: RouterApi, table: RouteTableObject) -> None:
        CfnOutput(self, "ApiUrl", value=api.api.url)
        CfnOutput(self, "ApiId", value=api.api.rest_api_id)
        if api.api_key is not None:
            CfnOutput(self, "ApiKeyId", value=api.api_key.key_id)
        CfnOutput(self, "StageName", value=api.api.deployment_stage.stage_name)
        CfnOutput(self, "RouteTableUrl", value=table.url)
        CfnOutput(self, "DeployedRouteTableUrl", value=table.deployed_url)


def router_bundle(catalogue: Catalogue, environment: Environment) -> Path:
    """The folder that is deployed: the program, its dependencies, its route table, and the script that starts it."""
    settings = environment.router
    target = Target.resolve(settings.python, settings.architecture)
    route_table = json.dumps(render_route_table(catalogue, environment), indent=1, sort_keys=True)
    files = {KEY: route_table.encode(), RUN_SCRIPT: (ROUTER.source / RUN_SCRIPT).read_bytes()}
    return build_bundle(ROUTER, target, files, for_this_host=settings.python == HOST)
