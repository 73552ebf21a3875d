"""The edge towards API Gateway: the Lambda proxy event of REST APIs (payload 1.0) <-> request and response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from lambdas.router.errors import bad_request
from lambdas.router.messages import Request, Response
from lambdas.router.routing import is_known


def to_request(event: Mapping[str, Any]) -> Request:
    """The event's request. Raises a 400 `ApiError` when its body claims base64 and is none."""
    context = event.get("requestContext") or {}
    return Request(
        method=str(event.get("httpMethod") or "").upper(),
        path=_without_stage(str(event.get("path") or "/"), str(context.get("stage") or "")),
        headers={name.lower(): str(value) for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        body=_body(event),
        request_id=str(context.get("requestId") or uuid4()),
    )


def from_response(response: Response) -> dict[str, Any]:
    """The answer for API Gateway. Every body of this router is UTF-8 text."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode("utf-8"),
        "isBase64Encoded": False,
    }


def _without_stage(path: str, stage: str) -> str:
    """Some callers (test consoles, custom domains, emulators) leave the stage in the path."""
    shorter = path.removeprefix(f"/{stage}")
    return shorter if stage and not is_known(path) and is_known(shorter) else path


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", errors="surrogatepass")  # refused later as not UTF-8
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise bad_request("The body is not valid base64.", code="invalid_json") from error
