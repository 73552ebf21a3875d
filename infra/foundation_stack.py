"""What every use case of an environment shares: the key, the token's secret, the weights' bucket,
the stager, the topic."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from endpoints.catalogue import Environment
from infra.removal import removal_policy
from infra.stager import Stager
from infra.token_secret import TokenSecret
from infra.weights_bucket import WeightsBucket


class FoundationStack(Stack):
    """Outputs: `WeightsBucketName`, `TokenSecretArn`, `StagerArn`, `AlertsTopicArn`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, **kwargs: Any
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"AdeptAI {environment.name}: key, token, weights, stager, topic",
            **kwargs,
        )
        key = kms.Key(
            self,
            "Key",
            description=f"AdeptAI {environment.name}: weights, token and alerts",
            enable_key_rotation=True,
            removal_policy=removal_policy(environment),
        )
        self.weights = WeightsBucket(self, "Weights", environment=environment, key=key)
        token = TokenSecret(self, "HuggingFaceToken", environment=environment, key=key)
        self.stager = Stager(
            self, "Stager", environment=environment, weights=self.weights, token=token.secret
        )
        self.alerts = self._alerts_topic(key)

        CfnOutput(self, "WeightsBucketName", value=self.weights.bucket.bucket_name)
        CfnOutput(self, "TokenSecretArn", value=token.secret.secret_arn)
        CfnOutput(self, "StagerArn", value=self.stager.arn)
        CfnOutput(self, "AlertsTopicArn", value=self.alerts.topic_arn)

    def _alerts_topic(self, key: kms.Key) -> sns.Topic:
        topic = sns.Topic(self, "Alerts", master_key=key, enforce_ssl=True)
        # Alarms and the budget of this account publish to the topic and encrypt under the key; without either,
        # an alert is lost without a word. A topic's own policy replaces SNS's default, which would have let them.
        for sid, service in _PUBLISHERS.items():
            topic.add_to_resource_policy(
                _may_publish(sid, service, actions=["sns:Publish"], resources=[topic.topic_arn])
            )
            key.add_to_resource_policy(
                _may_publish(
                    sid,
                    service,
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],  # in a key's own policy "*" is that key
                )
            )
        return topic


_PUBLISHERS = {"AlarmsMayPublish": "cloudwatch.amazonaws.com", "BudgetMayPublish": "budgets.amazonaws.com"}


def _may_publish(sid: str, service: str, *, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service)],
        actions=actions,
        resources=resources,
        conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
    )
