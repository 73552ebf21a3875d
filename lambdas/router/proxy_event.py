"""The edge towards API Gateway: the Lambda proxy event of REST APIs (payload 1.0) <-> request and response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from lambdas.router.deadline import GATEWAY_LIMIT_S
from lambdas.router.messages import Request, Response
from lambdas.router.routing import is_known


def request_id_of(event: object) -> str:
    """API Gateway's id of the request; one of the router's own where there is none. Takes anything."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    given = context.get("requestId") if isinstance(context, dict) else None
    return str(given or uuid4())


def to_request(event: Mapping[str, Any], request_id: str) -> Request:
    """The event's request."""
    context = event.get("requestContext") or {}
    return Request(
        method=str(event.get("httpMethod") or "").upper(),
        path=_without_stage(str(event.get("path") or "/"), str(context.get("stage") or "")),
        headers={name.lower(): str(value) for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        body=_body(event),
        request_id=request_id,
        waited_s=_waited_s(context.get("requestTimeEpoch")),
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


def _without_stage(path: str, stage: str) -> str:
    """Some callers (test consoles, custom domains, emulators) leave the stage in the path."""
    shorter = path.removeprefix(f"/{stage}")
    return shorter if stage and not is_known(path) and is_known(shorter) else path


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", errors="surrogatepass")  # refused later as not UTF-8
    try:
        return base64.b64decode(str(body), validate=True)
    except ValueError:  # API Gateway never sends this
        return str(body).encode("utf-8", errors="surrogatepass")  # refused later as not JSON


def _waited_s(received_epoch_ms: object) -> float:
    """Seconds since API Gateway took the request, most of all those of a cold start; 0 where that cannot be."""
    if not isinstance(received_epoch_ms, int):
        return 0.0
    waited_s = time.time() - received_epoch_ms / 1000
    return waited_s if 0 < waited_s < GATEWAY_LIMIT_S else 0.0  # two clocks, or a recorded event
