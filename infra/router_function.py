"""The router's Lambda function: a bundle of its own, a log group of its own, a role that can do what is granted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from endpoints.catalogue import RouterSettings
from infra.lambda_bundle import Target
from infra.lambda_runtime import ARCHITECTURES, runtime
from infra.nag import acknowledge, acknowledge_checkov
from infra.router_web_adapter import RUN_SCRIPT, web_adapter_environment, web_adapter_layer
from infra.small_function import function_log

_ACKNOWLEDGED = {
    "CKV_AWS_115": "The stage's throttle bounds the requests; a reserved share would starve or waste the account's.",
    "CKV_AWS_116": "It is invoked synchronously: a failure is the caller's answer, and there is nothing to queue.",
    "CKV_AWS_117": "It reaches SageMaker's public API with its role, and nothing inside a network.",
    "CKV_AWS_173": "Its environment holds names and limits, no secret; Lambda encrypts it with its own key.",
}


class RouterFunction(Construct):
    """`entry` answers the REST API: an HTTP server behind the web adapter, or a handler of proxy events.

    Its role may write its own logs; what else is granted to it. Under SnapStart `entry` is an alias of the version
    that is current, because Lambda takes snapshots of published versions only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: RouterSettings,
        bundle: Path,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        target = Target.resolve(settings.python, settings.architecture)
        self.log_group = function_log(self, settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        adapted = web_adapter_environment() if settings.streaming else {}
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=runtime(settings),
            architecture=ARCHITECTURES[target.architecture],
            handler=RUN_SCRIPT if settings.streaming else "lambdas.router.handler.handler",
            layers=[web_adapter_layer(self, target.architecture)] if settings.streaming else None,
            environment={**variables, **adapted},
            code=lambda_.Code.from_asset(
                str(bundle),
                asset_hash=bundle.name,  # of what went in: compiling twice does not give the same bytes
            ),
            memory_size=settings.memory_mib,
            timeout=Duration.seconds(settings.timeout_s),
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if settings.snap_start else None,
            log_group=self.log_group,
            role=self.role.without_policy_updates(),
        )
        acknowledge_checkov(self.function, _ACKNOWLEDGED)
        self.entry = self._entry(snap_start=settings.snap_start)

    def _entry(self, *, snap_start: bool) -> lambda_.IFunction:
        if not snap_start:
            return self.function
        acknowledge(
            self.function,
            {
                "Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish": "The alias below publishes a version."
            },
        )
        return lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
