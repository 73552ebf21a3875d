"""Who may call the API: keys as OpenAI's SDKs send them, or signatures; never nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.api import methods_of, router_template
from tests.infra.conftest import Template, only, resources, statements_of, templates

OPEN = ("/health", "GET")


def _template(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-router"]


def _guarded(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    return {route: method for route, method in methods_of(template).items() if route != OPEN}


@pytest.fixture(scope="module")
def signed() -> Template:
    return router_template(api={"auth": "iam"})


def test_every_method_but_health_asks_the_authorizer_and_wants_a_key(environment: str) -> None:
    guarded = _guarded(_template(environment))

    assert len(guarded) > 5
    for route, method in guarded.items():
        assert (method["AuthorizationType"], method["ApiKeyRequired"]) == ("CUSTOM", True), route
        assert method["AuthorizerId"]
    assert methods_of(_template(environment))[OPEN]["AuthorizationType"] == "NONE"


def test_keys_come_from_the_authorizers_answer(environment: str) -> None:
    assert only(_template(environment), "AWS::ApiGateway::RestApi")["ApiKeySourceType"] == "AUTHORIZER"


def test_both_headers_are_read_because_no_header_is_demanded_and_no_answer_remembered(
    environment: str,
) -> None:
    authorizer = only(_template(environment), "AWS::ApiGateway::Authorizer")

    assert authorizer["Type"] == "REQUEST"
    assert authorizer["AuthorizerResultTtlInSeconds"] == 0
    assert "IdentitySource" not in authorizer


def test_a_remembered_answer_belongs_to_one_authorization_header() -> None:
    authorizer = only(router_template(api={"authorizer_cache_s": 300}), "AWS::ApiGateway::Authorizer")

    assert authorizer["AuthorizerResultTtlInSeconds"] == 300
    assert authorizer["IdentitySource"] == "method.request.header.Authorization"


def test_the_authorizer_may_write_its_log_and_nothing_else(environment: str) -> None:
    statements = statements_of(_template(environment), role_prefix="ApiKeyAuthorizer")

    assert [statement["Action"] for statement in statements] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"]
    ]


def test_api_gateway_alone_may_call_the_authorizer(environment: str) -> None:
    permissions = resources(_template(environment), "AWS::Lambda::Permission")
    (found,) = (p["Properties"] for name, p in permissions.items() if name.startswith("ApiKeyAuthorizer"))

    assert found["Principal"] == "apigateway.amazonaws.com"
    assert "/authorizers/" in json.dumps(found["SourceArn"])


def test_with_iam_every_method_but_health_wants_a_signature_and_there_is_no_key(signed: Template) -> None:
    for route, method in _guarded(signed).items():
        assert (method["AuthorizationType"], method["ApiKeyRequired"]) == ("AWS_IAM", False), route
    for kind in ("Authorizer", "ApiKey", "UsagePlan"):
        assert not resources(signed, f"AWS::ApiGateway::{kind}")
    assert "ApiKeyId" not in signed["Outputs"]


def test_with_iam_the_stage_still_bounds_requests(signed: Template) -> None:
    (setting,) = only(signed, "AWS::ApiGateway::Stage")["MethodSettings"]

    assert setting["ThrottlingRateLimit"] > 0


@pytest.mark.parametrize("refused", ["INVALID_API_KEY", "ACCESS_DENIED", "UNAUTHORIZED"])
def test_a_wrong_or_missing_key_is_openais_401(environment: str, refused: str) -> None:
    status, error = _refusals(_template(environment))[refused]

    assert status == "401"
    assert error["code"] == "invalid_api_key"
    assert "Bearer" in error["message"]
    assert "x-api-key" in error["message"]


def test_with_iam_an_unsigned_request_is_told_to_sign(signed: Template) -> None:
    status, error = _refusals(signed)["MISSING_AUTHENTICATION_TOKEN"]

    assert (status, error["code"]) == ("401", "not_signed")
    assert "API key" not in json.dumps(_refusals(signed))


def _refusals(template: Template) -> dict[str, tuple[str | None, Mapping[str, Any]]]:
    """Status and error of each gateway response that is customised."""
    found = (r["Properties"] for r in resources(template, "AWS::ApiGateway::GatewayResponse").values())
    return {response["ResponseType"]: (response.get("StatusCode"), _error(response)) for response in found}


def _error(response: Mapping[str, Any]) -> Mapping[str, Any]:
    body = response["ResponseTemplates"]["application/json"]
    error: Mapping[str, Any] = json.loads(body.replace("$context.error.messageString", '"why"'))["error"]
    return error
