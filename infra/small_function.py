"""A Lambda function that needs nothing but its runtime."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from endpoints.catalogue import RouterSettings
from infra.lambda_bundle import Target
from infra.lambda_runtime import ARCHITECTURES, runtime
from infra.nag import acknowledge_checkov
from infra.retention import RETENTION

_LAMBDAS = Path(__file__).resolve().parents[1] / "lambdas"


def function_log(scope: Construct, settings: RouterSettings) -> logs.LogGroup:
    """A log group of the function's own, which goes with its stack."""
    group = logs.LogGroup(
        scope,
        "Logs",
        retention=RETENTION[settings.log_retention_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
    acknowledge_checkov(
        group,
        {
            "CKV_AWS_158": "CloudWatch Logs encrypts at rest with its own key; it holds no secret, nor prompts unasked."
        },
    )
    return group


class SmallFunction(Construct):
    """A function of one file, `lambdas/<folder>/handler.py`, that needs nothing but its runtime.

    Its role may write its own log; what else is granted to `role`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        folder: str,
        settings: RouterSettings,
        memory_mib: int,
        timeout_s: int,
        acknowledged: dict[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        group = function_log(self, settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        group.grant_write(self.role)
        target = Target.resolve(settings.python, settings.architecture)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=runtime(settings),
            architecture=ARCHITECTURES[target.architecture],
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(_LAMBDAS / folder), exclude=["__pycache__", "__init__.py"]),
            memory_size=memory_mib,
            timeout=Duration.seconds(timeout_s),
            log_group=group,
            role=self.role.without_policy_updates(),
        )
        acknowledge_checkov(self.function, acknowledged)
