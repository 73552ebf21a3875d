"""What a person runs an environment with: its dashboard, its budget, the alarms on its router."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment
from infra.cost_budget import CostBudget
from infra.environment_dashboard import EnvironmentDashboard
from infra.router_alarms import RouterAlarms


class OperationsStack(Stack):
    """Outputs: `DashboardName`. Holds nothing that serves: it can be deleted and deployed again at any time."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalogue: Catalogue,
        environment: Environment,
        alerts: sns.ITopic,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"AdeptAI {environment.name}: dashboard, budget, router alarms",
            **kwargs,
        )
        shown = EnvironmentDashboard(self, "Dashboard", catalogue=catalogue, environment=environment)
        RouterAlarms(
            self,
            "RouterAlarms",
            environment=environment,
            topic=alerts,
            metric_math=not environment.embedded,
        )
        if not environment.embedded:  # the embedded AWS bills nobody, and has no AWS::Budgets::Budget
            CostBudget(self, "CostBudget", environment=environment, topic=alerts)
        CfnOutput(self, "DashboardName", value=shown.dashboard.dashboard_name)
