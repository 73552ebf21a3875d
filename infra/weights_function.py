"""One of the stager's Lambda functions: the bundle of `lambdas/weights`, a log group and a role of its own."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from endpoints.catalogue import HOST, RouterSettings
from infra.lambda_bundle import WEIGHTS, Target, build_bundle
from infra.lambda_runtime import ARCHITECTURES, runtime
from infra.nag import acknowledge_checkov
from infra.small_function import function_log


class WeightsFunction(Construct):
    """`function` runs `lambdas.weights.<module>.handler`. Its role may write its own logs; what else is granted.

    `settings` say for which Python and processor Lambdas are built in this environment, and how long logs are kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        module: str,
        settings: RouterSettings,
        memory_mib: int,
        timeout_s: int,
        variables: Mapping[str, str],
        checkov: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        target = Target.resolve(settings.python, settings.architecture)
        group = function_log(self, settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=runtime(settings),
            architecture=ARCHITECTURES[target.architecture],
            handler=f"lambdas.weights.{module}.handler",
            code=lambda_.Code.from_asset(
                str(build_bundle(WEIGHTS, target, {}, for_this_host=settings.python == HOST))
            ),
            memory_size=memory_mib,
            timeout=Duration.seconds(timeout_s),
            environment=dict(variables),
            log_group=group,
            role=self.role.without_policy_updates(),
        )
        # Without its permissions the function is there and fails.
        self.function.node.add_dependency(self.role)
        acknowledge_checkov(self.function, checkov)
