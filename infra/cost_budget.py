"""A monthly budget for everything that carries the environment's tag."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Environment
from endpoints.naming import environment_name
from infra.tagging import ENVIRONMENT_TAG

_ALERTS = (("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class CostBudget(Construct):
    """`adept-<environment>`, told to `topic` at 50, 80 and 100 % spent, and when 100 % is forecast.

    It sees nothing until the tag is activated for cost allocation in the billing account (docs/operations.md).
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, construct_id)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=environment_name(environment.name),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=environment.monthly_budget_usd, unit="USD"
                ),
                cost_filters={"TagKeyValue": [f"user:{ENVIRONMENT_TAG}${environment.name}"]},
            ),
            notifications_with_subscribers=[_alert(kind, percent, topic) for kind, percent in _ALERTS],
        )


def _alert(
    kind: str, percent: int, topic: sns.ITopic
) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            notification_type=kind,
            comparison_operator="GREATER_THAN",
            threshold=percent,
            threshold_type="PERCENTAGE",
        ),
        subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
    )
