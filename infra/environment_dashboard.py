"""The dashboard of an environment: first what the whole costs and answers, then a block per use case.

Every block has the same six graphs in the same places, so that a reader who knows one knows all.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from endpoints.catalogue import Catalogue, Environment
from endpoints.naming import environment_name
from endpoints.sizing.cost import HOURS_PER_MONTH
from infra.alarm import RUNBOOK
from infra.fleet_cost import cost_per_hour
from infra.graph import DARK_RED, FULL_WIDTH, GREY, PERIOD, PURPLE, RED, graph
from infra.router_metrics import GATEWAY_THROTTLED, api_metric, namespace
from infra.use_case_graphs import UseCaseGraphs


class EnvironmentDashboard(Construct):
    """`adept-<environment>`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, catalogue: Catalogue, environment: Environment
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=environment_name(environment.name),
            default_interval=Duration.hours(12),
        )
        self.dashboard.add_widgets(_heading(environment))
        self.dashboard.add_widgets(*_overview(catalogue, environment))
        for use_case in catalogue.use_cases:
            block = UseCaseGraphs(environment, use_case)
            self.dashboard.add_widgets(block.heading())
            self.dashboard.add_widgets(block.answers(), block.latency(), block.failures())
            self.dashboard.add_widgets(block.instances(), block.gpus(), block.tokens())


def _heading(environment: Environment) -> cloudwatch.TextWidget:
    return cloudwatch.TextWidget(
        width=FULL_WIDTH,
        height=2,
        markdown=(
            f"# {environment_name(environment.name)}\n"
            f"Metrics appear with the first request. What each alarm means and what to do: {RUNBOOK}."
        ),
    )


def _overview(catalogue: Catalogue, environment: Environment) -> list[cloudwatch.IWidget]:
    name = environment.name
    budget = cloudwatch.HorizontalAnnotation(
        value=round(environment.monthly_budget_usd / HOURS_PER_MONTH, 2),
        label="monthly budget, spread evenly",
        color=GREY,
    )
    return [
        graph(
            "Cost per hour of all instances (USD, list prices)",
            [cost_per_hour(catalogue, environment, period=PERIOD)],
            annotations=[budget],
        ),
        graph(
            "API requests and refusals",
            [
                api_metric("Count", name, statistic="Sum", period=PERIOD, label="requests"),
                api_metric("4XXError", name, statistic="Sum", period=PERIOD, label="4xx", color=PURPLE),
                api_metric("5XXError", name, statistic="Sum", period=PERIOD, label="5xx", color=RED),
                cloudwatch.Metric(
                    namespace=namespace(name),
                    metric_name=GATEWAY_THROTTLED,
                    statistic="Sum",
                    period=PERIOD,
                    label="429",
                    color=DARK_RED,
                ),
            ],
        ),
        graph(
            "API latency (ms)",
            [
                api_metric("Latency", name, statistic=statistic, period=PERIOD, label=statistic)
                for statistic in ("p50", "p95", "p99")
            ],
        ),
    ]
