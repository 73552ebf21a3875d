"""A REST API that streams from a function under the web adapter, as a template says it; keys from the authorizer."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import lambdas.authorizer.handler as authorizer
from tests.contracts.ministack.running import Running
from tests.contracts.ministack.stacks import Stack

PROGRAM = Path(__file__).with_name("web_program.py")
BUCKET = "bundles"
_ARN = "arn:aws:apigateway:us-east-1:lambda:path"
_ROLE = "arn:aws:iam::000000004577:role/any"


@dataclass(frozen=True)
class StreamingApi:
    """Deployed. `key` is in a usage plan without tight limits."""

    aws: Running
    stack: Stack
    key: str

    @property
    def url(self) -> str:
        outputs = self.stack.outputs()
        return f"{self.aws.settings.endpoint_url}/restapis/{outputs['ApiId']}/live/_user_request_"

    @property
    def function(self) -> str:
        return self.stack.outputs()["Function"]

    def http(self, key: str | None = None) -> httpx.Client:
        """A client that sends the key as OpenAI's SDKs do."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def configure(self, **variables: str) -> None:
        """Give the function other variables, as a deploy does."""
        self.aws.client("lambda").update_function_configuration(
            FunctionName=self.function, Environment={"Variables": {**VARIABLES, **variables}}
        )

    def limited_key(self, *, burst: int) -> str:
        """Another caller's key, whose plan lets `burst` requests pass."""
        gateway = self.aws.client("apigateway")
        stages = [{"apiId": self.stack.outputs()["ApiId"], "stage": "live"}]
        plan = gateway.create_usage_plan(
            name=f"burst-{burst}", apiStages=stages, throttle={"rateLimit": 0.001, "burstLimit": burst}
        )
        key = gateway.create_api_key(name="limited", enabled=True)
        gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
        return str(key["value"])


VARIABLES = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_READINESS_CHECK_PATH": "/health",
    "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH": "/_restored",
    "PORT": "8080",
}


def deploy(aws: Running) -> StreamingApi:
    """Put the program into S3 and create the stack."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="program.zip", Body=packed(PROGRAM.read_bytes()))
    stack = Stack(aws, "streaming")
    assert stack.create(json.dumps(_template())) == "CREATE_COMPLETE"
    key = aws.client("apigateway").get_api_key(apiKey=stack.outputs()["KeyId"], includeValue=True)
    return StreamingApi(aws, stack, str(key["value"]))


def packed(program: bytes) -> bytes:
    """A bundle whose handler is `serve`, with the mode that makes it a program."""
    entry = zipfile.ZipInfo("serve")
    entry.external_attr = 0o755 << 16
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(entry, program)
        return file.getvalue()


def _template() -> dict[str, Any]:
    return {
        "Resources": {
            "Function": _function("serve", {"S3Bucket": BUCKET, "S3Key": "program.zip"}, VARIABLES),
            "Reader": _function("index.handler", {"ZipFile": Path(authorizer.__file__).read_text()}, {}),
            "Api": _of_api("RestApi", Name="streaming", ApiKeySourceType="AUTHORIZER"),
            "Authorizer": _of_api(
                "Authorizer",
                Name="keys",
                RestApiId={"Ref": "Api"},
                Type="REQUEST",
                AuthorizerResultTtlInSeconds=60,
                IdentitySource="method.request.header.Authorization",
                AuthorizerUri=_invocation("2015-03-31", "Reader", "invocations"),
            ),
            "Proxy": _of_api(
                "Resource",
                RestApiId={"Ref": "Api"},
                ParentId={"Fn::GetAtt": ["Api", "RootResourceId"]},
                PathPart="{proxy+}",
            ),
            "Any": _of_api(
                "Method",
                RestApiId={"Ref": "Api"},
                ResourceId={"Ref": "Proxy"},
                HttpMethod="ANY",
                AuthorizationType="CUSTOM",
                AuthorizerId={"Ref": "Authorizer"},
                ApiKeyRequired=True,
                Integration={
                    "Type": "AWS_PROXY",
                    "IntegrationHttpMethod": "POST",
                    "ResponseTransferMode": "STREAM",
                    "TimeoutInMillis": 60_000,
                    "Uri": _invocation("2021-11-15", "Function", "response-streaming-invocations"),
                },
            ),
            "Deployment": {**_of_api("Deployment", RestApiId={"Ref": "Api"}), "DependsOn": "Any"},
            "Stage": _of_api(
                "Stage", RestApiId={"Ref": "Api"}, StageName="live", DeploymentId={"Ref": "Deployment"}
            ),
            "Key": _of_api("ApiKey", Enabled=True),
            "Plan": _of_api("UsagePlan", ApiStages=[{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}]),
            "KeyInPlan": _of_api(
                "UsagePlanKey", KeyId={"Ref": "Key"}, KeyType="API_KEY", UsagePlanId={"Ref": "Plan"}
            ),
        },
        "Outputs": {
            "ApiId": {"Value": {"Ref": "Api"}},
            "Function": {"Value": {"Ref": "Function"}},
            "KeyId": {"Value": {"Ref": "Key"}},
            "ResourceId": {"Value": {"Ref": "Proxy"}},
        },
    }


def _of_api(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::ApiGateway::{kind}", "Properties": properties}


def _function(handler: str, code: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": dict(code),
            "Handler": handler,
            "Runtime": "python3.14",
            "Role": _ROLE,
            "Timeout": 60,
            "Environment": {"Variables": dict(variables)},
        },
    }


def _invocation(version: str, function: str, action: str) -> dict[str, str]:
    return {"Fn::Sub": f"{_ARN}/{version}/functions/${{{function}.Arn}}/{action}"}
