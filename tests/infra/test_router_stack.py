"""What the router's stack promises: least privilege, keys and limits, one shape of refusal, a bundle of its own."""

from __future__ import annotations

import json

import pytest

from endpoints.catalogue import load_catalogue
from infra.environments import build_environment
from tests.infra.api import methods_of
from tests.infra.conftest import Template, app_of, only, resources, statements_of, templates

FUNCTION = "RouterFunction0F681190"


def _template(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-router"]


def test_the_router_may_invoke_its_own_environments_endpoints(environment: str) -> None:
    statements = statements_of(_template(environment), role_prefix="Router")

    invoke = [s for s in statements if "sagemaker" in json.dumps(s["Action"])]
    assert len(invoke) == 1
    assert invoke[0]["Action"] == ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    named = {
        json.dumps(resource).rsplit("endpoint/", 1)[1].split('"')[0] for resource in invoke[0]["Resource"]
    }
    assert named == {f"adept-{environment}-{use_case.id}" for use_case in load_catalogue().use_cases}


def test_the_router_may_besides_write_its_log_read_its_table_and_count_and_nothing_else(
    environment: str,
) -> None:
    statements = statements_of(_template(environment), role_prefix="Router")
    others = {str(s["Action"]): s["Resource"] for s in statements if "sagemaker" not in json.dumps(s)}

    assert set(others) == {
        "['logs:CreateLogStream', 'logs:PutLogEvents']",
        "s3:GetObject",
        "dynamodb:UpdateItem",
    }
    assert others["s3:GetObject"]["Fn::Join"][1][-1] == "/route_table.json"
    assert others["dynamodb:UpdateItem"] == {"Fn::GetAtt": ["KeyCountersTableD58B73B3", "Arn"]}


def test_no_managed_policy_widens_the_routers_role(environment: str) -> None:
    roles = resources(_template(environment), "AWS::IAM::Role")
    router_role = next(role for logical_id, role in roles.items() if logical_id.startswith("RouterRole"))

    assert "ManagedPolicyArns" not in router_role["Properties"]


def test_the_function_runs_where_the_environment_says(environment: str) -> None:
    settings = load_catalogue().environment(environment).router
    function = _template(environment)["Resources"][FUNCTION]["Properties"]

    assert function["Timeout"] == settings.timeout_s
    if settings.python != "host":
        assert function["Runtime"] == f"python{settings.python}"
        assert function["Architectures"] == [settings.architecture]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/chat/completions", "POST"),
        ("/v1/completions", "POST"),
        ("/v1/models", "GET"),
        ("/use-cases/{use_case}/invoke", "POST"),
        ("/health", "GET"),
    ],
)
def test_each_path_takes_its_method_and_the_router_refuses_every_other(
    environment: str, path: str, method: str
) -> None:
    assert {found for at, found in methods_of(_template(environment)) if at == path} == {method, "ANY"}


def test_callers_are_limited_by_the_environments_plan(environment: str) -> None:
    plan = only(_template(environment), "AWS::ApiGateway::UsagePlan")
    limits = load_catalogue().environment(environment).api

    assert plan["Throttle"] == {"BurstLimit": limits.burst, "RateLimit": limits.rate_per_s}
    assert plan["Quota"] == {"Limit": limits.daily_quota, "Period": "DAY"}


def test_the_stage_logs_access_with_the_keys_id_and_never_the_key_or_a_prompt(environment: str) -> None:
    stage = only(_template(environment), "AWS::ApiGateway::Stage")

    assert stage["AccessLogSetting"]["DestinationArn"]
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert line["apiKeyId"] == "$context.identity.apiKeyId"
    assert "$context.identity.apiKey" not in line.values()
    assert all(setting["DataTraceEnabled"] is False for setting in stage["MethodSettings"])


def test_the_gateways_own_refusals_have_openais_shape(environment: str) -> None:
    responses = resources(_template(environment), "AWS::ApiGateway::GatewayResponse").values()

    assert {r["Properties"]["ResponseType"] for r in responses} >= {
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "INVALID_API_KEY",
        "MISSING_AUTHENTICATION_TOKEN",
        "THROTTLED",
    }
    for response in responses:
        body = response["Properties"]["ResponseTemplates"]["application/json"]
        filled = body.replace("$context.error.messageString", '"why"')
        assert set(json.loads(filled)["error"]) == {"message", "type", "param", "code"}


def test_a_refusal_for_now_says_when_to_come_back_and_one_for_today_not_to(environment: str) -> None:
    responses = resources(_template(environment), "AWS::ApiGateway::GatewayResponse").values()
    headers = {r["Properties"]["ResponseType"]: r["Properties"].get("ResponseParameters") for r in responses}

    assert headers["THROTTLED"] == {"gatewayresponse.header.Retry-After": "'1'"}
    assert headers["QUOTA_EXCEEDED"] == {"gatewayresponse.header.x-should-retry": "'false'"}


def test_the_router_and_the_use_cases_wait_for_none_of_each_other() -> None:
    """docs/deploying-safely.md tells what that means while a release is being deployed."""
    app = app_of("local")
    build_environment(app)
    waits_for = {
        stack.stack_name: {other.id for other in stack.dependencies if not other.id.endswith(".assets")}
        for stack in app.synth().stacks
    }

    assert waits_for.pop("adept-local-router") == set()
    assert not [name for name, others in waits_for.items() if others - {"adept-local-foundation"}]
