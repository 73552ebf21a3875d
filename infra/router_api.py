"""The one URL: API Gateway in front of the router, with keys, limits, validation and OpenAI-shaped refusals."""

from __future__ import annotations

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from endpoints.catalogue import BUFFERED_LIMIT_S, ApiSettings, RouterSettings
from infra.gateway_errors import add_openai_shaped_errors
from infra.nag import acknowledge, acknowledge_checkov
from infra.request_schemas import CHAT_SCHEMA, COMPLETION_SCHEMA, INVOKE_SCHEMA
from infra.router_authorizer import KeyAuthorizer

_STAGE = "api"
_LOGGING_POLICY = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"


class RouterApi(Construct):
    """A regional REST API.

    With `auth: key`, `api_key` identifies the first caller and more keys can join the usage plan; with `auth: iam`
    there is neither, and callers sign.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        settings: ApiSettings,
        router: RouterSettings,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.api = self._rest_api(name, log_retention)
        self._integration = _integration(function, router)
        self._authentication = self._authenticated(router)
        self._add_routes()
        add_openai_shaped_errors(self.api, signed=settings.auth == "iam")
        self.api_key = self._first_caller(name) if settings.auth == "key" else None
        acknowledge(self.api, _ACKNOWLEDGED[settings.auth])
        acknowledge_checkov(
            self.api.deployment_stage, {"CKV_AWS_120": "Answers of a language model are not to be cached."}
        )

    def _rest_api(self, name: str, log_retention: logs.RetentionDays) -> apigateway.RestApi:
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
            api_key_source_type=(
                apigateway.ApiKeySourceType.AUTHORIZER if self._settings.auth == "key" else None
            ),
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
                throttling_rate_limit=self._settings.rate_per_s,
                throttling_burst_limit=self._settings.burst,
            ),
        )

    def _authenticated(self, router: RouterSettings) -> apigateway.MethodOptions:
        """What every method but /health asks of its callers."""
        if self._settings.auth == "iam":
            return apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.IAM)
        reader = KeyAuthorizer(
            self, "KeyAuthorizer", settings=router, cache_s=self._settings.authorizer_cache_s
        )
        return apigateway.MethodOptions(
            api_key_required=True,
            authorization_type=apigateway.AuthorizationType.CUSTOM,
            authorizer=reader.authorizer,
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
        self._route(
            v1.add_resource("completions"),
            "POST",
            body=self._model("CompletionRequest", COMPLETION_SCHEMA),
            validator=validator,
        )
        self._route(v1.add_resource("models"), "GET")
        self._route(
            self.api.root.add_resource("use-cases").add_resource("{use_case}").add_resource("invoke"),
            "POST",
            body=self._model("InvokeRequest", INVOKE_SCHEMA),
            validator=validator,
        )
        health = self._route(self.api.root.add_resource("health"), "GET", open_to_all=True)
        acknowledge_checkov(
            health, {"CKV_AWS_59": "It says that the router is up, asks no endpoint, and is throttled."}
        )
        # Unknown paths reach the router too, so that they are refused in the same shape as everything else.
        self._method(self.api.root.add_resource("{proxy+}"), "ANY", self._authentication)

    def _route(
        self,
        resource: apigateway.Resource,
        method: str,
        *,
        body: apigateway.Model | None = None,
        validator: apigateway.RequestValidator | None = None,
        open_to_all: bool = False,
    ) -> apigateway.Method:
        authentication = apigateway.MethodOptions() if open_to_all else self._authentication
        route = self._method(resource, method, authentication, body, validator)
        # Every other method: the router answers 405 and names the one that is allowed.
        self._method(resource, "ANY", self._authentication)
        return route

    def _method(
        self,
        resource: apigateway.Resource,
        method: str,
        authentication: apigateway.MethodOptions,
        body: apigateway.Model | None = None,
        validator: apigateway.RequestValidator | None = None,
    ) -> apigateway.Method:
        return resource.add_method(
            method,
            self._integration,
            api_key_required=authentication.api_key_required or False,
            authorization_type=authentication.authorization_type,
            authorizer=authentication.authorizer,
            request_models={"application/json": body} if body else None,
            request_validator=validator,
        )

    def _model(self, construct_id: str, schema: apigateway.JsonSchema) -> apigateway.Model:
        return self.api.add_model(construct_id, content_type="application/json", schema=schema)

    def _first_caller(self, name: str) -> apigateway.ApiKey:
        key = apigateway.ApiKey(self, "Key", description=f"First caller of {name}")
        limits = self._settings
        plan = self.api.add_usage_plan(
            "UsagePlan",
            throttle=apigateway.ThrottleSettings(rate_limit=limits.rate_per_s, burst_limit=limits.burst),
            quota=apigateway.QuotaSettings(limit=limits.daily_quota, period=apigateway.Period.DAY),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(key)
        return key


def _integration(function: lambda_.IFunction, router: RouterSettings) -> apigateway.LambdaIntegration:
    """Streamed: up to 15 minutes in all and 5 minutes between two pieces; else whole, within 29 s.

    The function ends first, so that a time-out is the router's own answer.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
    """
    streaming = router.streaming
    return apigateway.LambdaIntegration(
        function,
        proxy=True,
        timeout=Duration.seconds(router.timeout_s if streaming else BUFFERED_LIMIT_S),
        response_transfer_mode=apigateway.ResponseTransferMode.STREAM if streaming else None,
        scope_permission_to_method=False,  # one statement in the function's policy, which holds 20 KB
    )


_CALLERS_ARE_SERVICES = {
    "AwsSolutions-APIG3": "No web ACL: callers are services that authenticate; throttles bound them.",
    "AwsSolutions-COG4": "Callers are services, not signed-in people: there is no user pool.",
    f"AwsSolutions-IAM4[Policy::{_LOGGING_POLICY}]": (
        "API Gateway's own account-level logging role; AWS documents this managed policy for it."
    ),
}
_ACKNOWLEDGED = {
    auth: {**_CALLERS_ARE_SERVICES, "AwsSolutions-APIG4": f"Callers are authenticated by {means}."}
    for auth, means in {
        "key": "API key and usage plan; /health answers without one",
        "iam": "signature; /health answers without one",
    }.items()
}


def _access_log_format() -> apigateway.AccessLogFormat:
    """One line of JSON per request. It names the caller's key by its id; no prompt, no answer and no key is in it."""
    context = apigateway.AccessLogField
    return apigateway.AccessLogFormat.custom(
        json.dumps(
            {
                "requestId": context.context_request_id(),
                "requestTime": context.context_request_time(),
                "ip": context.context_identity_source_ip(),
                "httpMethod": context.context_http_method(),
                "resourcePath": context.context_resource_path(),
                "status": context.context_status(),
                "protocol": context.context_protocol(),
                "responseLength": context.context_response_length(),
                "responseLatency": context.context_response_latency(),
                "authorizerLatency": context.context_authorizer_integration_latency(),
                "apiKeyId": context.context_identity_api_key_id(),
                "error": context.context_error_response_type(),
            },
            separators=(",", ":"),
        )
    )
