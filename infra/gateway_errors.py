"""API Gateway's own refusals in OpenAI's error shape, so that a client parses one kind of error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway


@dataclass(frozen=True)
class _Refusal:
    response_type: apigateway.ResponseType
    error_type: str
    code: str
    status: str | None = None  # None keeps API Gateway's own
    message: str = "$context.error.messageString"  # already a quoted string
    headers: Mapping[str, str] | None = None


def _not_this_key(response_type: apigateway.ResponseType) -> _Refusal:
    return _Refusal(
        response_type,
        "invalid_request_error",
        "invalid_api_key",
        status="401",
        message=(
            "\"The API key is missing or not valid: send it as Authorization: Bearer KEY, which OpenAI's SDKs do "
            'with api_key, or in the x-api-key header."'
        ),
    )


_REFUSALS = {
    "Default4xx": _Refusal(
        apigateway.ResponseType.DEFAULT_4_XX, "invalid_request_error", "$context.error.responseType"
    ),
    "Default5xx": _Refusal(
        apigateway.ResponseType.DEFAULT_5_XX, "server_error", "$context.error.responseType"
    ),
    "InvalidBody": _Refusal(
        apigateway.ResponseType.BAD_REQUEST_BODY,
        "invalid_request_error",
        "invalid_request_body",
        # Not $context.error.validationErrorString: it holds quotes, and nothing says that AWS escapes them.
        message=(
            '"The body does not fit the schema: /v1/chat/completions needs model (text) and messages '
            "(a list of objects, not empty), /v1/completions needs model and prompt (text or a list), "
            '/use-cases/{use_case}/invoke needs inputs (text)."'
        ),
    ),
    # OpenAI's SDKs wait as long as they are told, and repeat a 429 unless they are told not to.
    "Throttled": _Refusal(
        apigateway.ResponseType.THROTTLED,
        "requests",
        "rate_limit_exceeded",
        status="429",
        headers={"Retry-After": "'1'"},
    ),
    "QuotaExceeded": _Refusal(
        apigateway.ResponseType.QUOTA_EXCEEDED,
        "insufficient_quota",
        "insufficient_quota",
        status="429",
        headers={"x-should-retry": "'false'"},
    ),
    "TooLarge": _Refusal(
        apigateway.ResponseType.REQUEST_TOO_LARGE, "invalid_request_error", "request_too_large", status="413"
    ),
    "Timeout": _Refusal(apigateway.ResponseType.INTEGRATION_TIMEOUT, "server_error", "timeout", status="504"),
}

_OF_CALLERS_WITH_KEYS = {
    # A key that is not in the usage plan; one that the authorizer did not find; a cached authorizer's missing header.
    "InvalidApiKey": _not_this_key(apigateway.ResponseType.INVALID_API_KEY),
    "NoApiKey": _not_this_key(apigateway.ResponseType.ACCESS_DENIED),
    "NoAuthorization": _not_this_key(apigateway.ResponseType.UNAUTHORIZED),
    # API Gateway's answer to a path it has no resource for, which here is the root alone.
    "UnknownPath": _Refusal(
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        "invalid_request_error",
        "unknown_url",
        status="404",
        message='"Nothing is here: see /v1/chat/completions, /v1/completions and /v1/models."',
    ),
}
_OF_CALLERS_WHO_SIGN = {
    "NotAllowed": _Refusal(apigateway.ResponseType.ACCESS_DENIED, "invalid_request_error", "access_denied"),
    "NotSigned": _Refusal(
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        "invalid_request_error",
        "not_signed",
        status="401",
        message='"Requests are signed here: AWS Signature Version 4, service execute-api."',
    ),
}


def add_openai_shaped_errors(api: apigateway.RestApi, *, signed: bool) -> None:
    """Give every refusal of `api` the body {"error": {"message", "type", "param", "code"}}."""
    of_callers = _OF_CALLERS_WHO_SIGN if signed else _OF_CALLERS_WITH_KEYS
    for construct_id, refusal in (_REFUSALS | of_callers).items():
        api.add_gateway_response(
            construct_id,
            type=refusal.response_type,
            status_code=refusal.status,
            response_headers=refusal.headers,
            templates={"application/json": _body(refusal)},
        )


def _body(refusal: _Refusal) -> str:
    # Not json.dumps: the message is a variable that API Gateway replaces, quotes included.
    return (
        f'{{"error":{{"message":{refusal.message},"type":"{refusal.error_type}",'
        f'"param":null,"code":"{refusal.code}"}}}}'
    )
