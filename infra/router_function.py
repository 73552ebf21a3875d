"""The router's Lambda function: a bundle of its own, a log group of its own, a role that can do two things."""

from __future__ import annotations

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from endpoints.catalogue import HOST, RouterSettings
from infra.lambda_bundle import ROUTER, Target, build_bundle
from infra.lambda_runtime import ARCHITECTURES, runtime
from infra.nag import acknowledge_checkov
from infra.retention import RETENTION

_ACKNOWLEDGED = {
    "CKV_AWS_115": "The stage's throttle bounds the requests; a reserved share would starve or waste the account's.",
    "CKV_AWS_116": "It is invoked synchronously: a failure is the caller's answer, and there is nothing to queue.",
    "CKV_AWS_117": "It reaches SageMaker's public API with its role, and nothing inside a network.",
}


class RouterFunction(Construct):
    """`function` answers REST API proxy events. Its role may write its own logs; what else is granted to it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: RouterSettings, route_table: object
    ) -> None:
        super().__init__(scope, construct_id)
        target = Target.resolve(settings.python, settings.architecture)
        table = json.dumps(route_table, indent=1, sort_keys=True).encode()
        bundle = build_bundle(
            ROUTER, target, {"route_table.json": table}, for_this_host=settings.python == HOST
        )
        group = logs.LogGroup(
            self,
            "Logs",
            retention=RETENTION[settings.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        group.grant_write(role)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=runtime(settings),
            architecture=ARCHITECTURES[target.architecture],
            handler="lambdas.router.handler.handler",
            code=lambda_.Code.from_asset(str(bundle)),
            memory_size=settings.memory_mib,
            timeout=Duration.seconds(settings.timeout_s),
            log_group=group,
            role=role.without_policy_updates(),
        )
        self.role = role
        acknowledge_checkov(
            group,
            {
                "CKV_AWS_158": "CloudWatch Logs encrypts at rest with its own key; no prompt and no answer is in it."
            },
        )
        acknowledge_checkov(self.function, _ACKNOWLEDGED)
        self.log_group = group
