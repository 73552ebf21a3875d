"""The counters behind limits per key: requests of a minute and tokens of a day, one item each.

Where processes share what their circuit breakers found, the same table holds one item a candidate.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from endpoints.catalogue import Environment, KeyLimits
from infra.nag import acknowledge, acknowledge_checkov

KEY = "id"
EXPIRES_AT = "expires_at"  # seconds since the epoch
BREAKER = "breaker#"  # begins the key of an item that is no count (lambdas/router/breaker_items.py)


class KeyCounters(Construct):
    """A table that the router adds to and reads in the same call; items vanish after their minute or day.

    It is there whether limits are set or not: switching them on must not wait for a table.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        recovery = environment.retain_data
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=KEY, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=EXPIRES_AT,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=recovery
            ),
            # A day's counters at most: worth nothing to keep when the environment goes.
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge_checkov(
            self.table,
            {
                "CKV_AWS_119": "It holds ids of keys and counts, no key and no prompt; DynamoDB encrypts it at rest.",
                **({} if recovery else {"CKV_AWS_28": _NOTHING_TO_RECOVER}),
            },
        )
        if not recovery:
            acknowledge(self.table, {"AwsSolutions-DDB3": _NOTHING_TO_RECOVER})

    def grant_count(self, grantee: iam.IGrantable) -> None:
        """Let `grantee` add to counters, which answers their new value. Not read others, not delete."""
        self.table.grant(grantee, "dynamodb:UpdateItem")

    def grant_share_breakers(self, grantee: iam.IGrantable) -> None:
        """Let `grantee` read what processes tell each other of candidates; no key's count."""
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["dynamodb:GetItem"],
                resources=[self.table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{BREAKER}*"]}},
            )
        )

    def variables(self, limits: KeyLimits | None) -> dict[str, str]:
        """What tells the router which limits there are, and where to count; nothing where there are none."""
        if limits is None:
            return {}
        given = {
            "LIMITS_REQUESTS_PER_MINUTE": limits.requests_per_minute,
            "LIMITS_TOKENS_PER_DAY": limits.tokens_per_day,
        }
        return {
            "LIMITS_TABLE": self.table.table_name,
            "LIMITS_WHEN_UNAVAILABLE": limits.when_unavailable,
            **{name: str(value) for name, value in given.items() if value is not None},
        }


_NOTHING_TO_RECOVER = "Counters of this minute and this day, in an environment that keeps no data."
