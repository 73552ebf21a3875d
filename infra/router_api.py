"""The one URL: API Gateway in front of the router, with keys, limits, validation and OpenAI-shaped refusals."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from endpoints.catalogue import ApiLimits
from infra.gateway_errors import add_openai_shaped_errors
from infra.nag import acknowledge, acknowledge_checkov
from infra.request_schemas import CHAT_SCHEMA, INVOKE_SCHEMA

_STAGE = "api"
_LOGGING_POLICY = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
# API Gateway gives up after 29 s; the router answers before that.
_INTEGRATION_TIMEOUT = Duration.seconds(29)


class RouterApi(Construct):
    """A regional REST API. `api_key` identifies the first caller; more keys can join `usage_plan`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        limits: ApiLimits,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = self._rest_api(name, limits, log_retention)
        self._integration = apigateway.LambdaIntegration(
            function, proxy=True, timeout=_INTEGRATION_TIMEOUT, allow_test_invoke=False
        )
        self._add_routes()
        add_openai_shaped_errors(self.api)
        self.api_key = apigateway.ApiKey(self, "Key", description=f"First caller of {name}")
        self._usage_plan(limits)
        acknowledge(self.api, _ACKNOWLEDGED)
        acknowledge_checkov(
            self.api.deployment_stage, {"CKV_AWS_120": "Answers of a language model are not to be cached."}
        )

    def _rest_api(
        self, name: str, limits: ApiLimits, log_retention: logs.RetentionDays
    ) -> apigateway.RestApi:
        self.access_log = logs.LogGroup(
            self, "AccessLog", retention=log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        acknowledge_checkov(
            self.access_log,
            {
                "CKV_AWS_158": "CloudWatch Logs encrypts at rest with its own key; no prompt and no answer is in it."
            },
        )
        return apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name,
            description="Language-model use cases behind one OpenAI-compatible URL",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # Access logs need a role that API Gateway keeps per account and region: it stays when one
            # environment goes, because another one may rely on it.
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            deploy_options=apigateway.StageOptions(
                stage_name=_STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(self.access_log),
                access_log_format=_access_log_format(),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # it would log prompts
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=limits.rate_per_s,
                throttling_burst_limit=limits.burst,
            ),
        )

    def _add_routes(self) -> None:
        validator = self.api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        v1 = self.api.root.add_resource("v1")
        self._route(
            v1.add_resource("chat").add_resource("completions"),
            "POST",
            body=self._model("ChatRequest", CHAT_SCHEMA),
            validator=validator,
        )
        self._route(v1.add_resource("models"), "GET")
        self._route(
            self.api.root.add_resource("use-cases").add_resource("{use_case}").add_resource("invoke"),
            "POST",
            body=self._model("InvokeRequest", INVOKE_SCHEMA),
            validator=validator,
        )
        health = self._route(self.api.root.add_resource("health"), "GET", key_required=False)
        acknowledge_checkov(
            health, {"CKV_AWS_59": "It says that the router is up, asks no endpoint, and is throttled."}
        )
        # Unknown paths reach the router too, so that they are refused in the same shape as everything else.
        self.api.root.add_resource("{proxy+}").add_method("ANY", self._integration, api_key_required=True)

    def _route(
        self,
        resource: apigateway.Resource,
        method: str,
        *,
        body: apigateway.Model | None = None,
        validator: apigateway.RequestValidator | None = None,
        key_required: bool = True,
    ) -> apigateway.Method:
        route = resource.add_method(
            method,
            self._integration,
            api_key_required=key_required,
            request_models={"application/json": body} if body else None,
            request_validator=validator,
        )
        # Every other method: the router answers 405 and names the one that is allowed.
        resource.add_method("ANY", self._integration, api_key_required=True)
        return route

    def _model(self, construct_id: str, schema: apigateway.JsonSchema) -> apigateway.Model:
        return self.api.add_model(construct_id, content_type="application/json", schema=schema)

    def _usage_plan(self, limits: ApiLimits) -> None:
        plan = self.api.add_usage_plan(
            "UsagePlan",
            throttle=apigateway.ThrottleSettings(rate_limit=limits.rate_per_s, burst_limit=limits.burst),
            quota=apigateway.QuotaSettings(limit=limits.daily_quota, period=apigateway.Period.DAY),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(self.api_key)


_ACKNOWLEDGED = {
    "AwsSolutions-APIG3": "No web ACL: callers are services with keys, usage plans and throttles bound them.",
    "AwsSolutions-APIG4": "Callers are authenticated by API key and usage plan; /health answers without one.",
    "AwsSolutions-COG4": "Callers are services, not signed-in people: there is no user pool.",
    f"AwsSolutions-IAM4[Policy::{_LOGGING_POLICY}]": (
        "API Gateway's own account-level logging role; AWS documents this managed policy for it."
    ),
}


def _access_log_format() -> apigateway.AccessLogFormat:
    return apigateway.AccessLogFormat.json_with_standard_fields(
        caller=False, http_method=True, ip=True, protocol=True, request_time=True,
        resource_path=True, response_length=True, status=True, user=False,
    )  # fmt: skip
