"""The edge towards API Gateway: the Lambda proxy event of REST APIs (payload 1.0) <-> request and response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from lambdas.router import gateway_context
from lambdas.router.messages import Request, Response


def request_id_of(event: object) -> str:
    """API Gateway's id of the request; one of the router's own where there is none. Takes anything."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    return gateway_context.request_id_of(context) or str(uuid4())


def to_request(event: Mapping[str, Any], request_id: str) -> Request:
    """The event's request."""
    context = event.get("requestContext") or {}
    return Request(
        method=str(event.get("httpMethod") or "").upper(),
        path=gateway_context.without_stage(str(event.get("path") or "/"), context),
        headers={name.lower(): str(value) for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        body=_body(event),
        request_id=request_id,
        waited_s=gateway_context.waited_s(context),
        caller=gateway_context.caller_of(context),
    )


def from_response(response: Response) -> dict[str, Any]:
    """The answer for API Gateway. Every body of this router is UTF-8 text, and here it is whole."""
    if not isinstance(response.body, bytes):
        raise TypeError("a streamed body cannot be handed over whole")
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode("utf-8"),
        "isBase64Encoded": False,
    }


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", errors="surrogatepass")  # refused later as not UTF-8
    try:
        return base64.b64decode(str(body), validate=True)
    except ValueError:  # API Gateway never sends this
        return str(body).encode("utf-8", errors="surrogatepass")  # refused later as not JSON
