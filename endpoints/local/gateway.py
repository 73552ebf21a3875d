"""One port for every AWS service: each request goes where its signature says.

A SigV4 signature carries a credential scope, `<key>/<date>/<region>/<service>/aws4_request`, in the
Authorization header or in a presigned URL. Signatures are read, never verified.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from endpoints.local.ministack_apigateway import caller

HEALTH_PATH = "/_adept/health"

_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
# What a deployed API is called under: it changes no state worth saving.
_DATA_PLANE = re.compile(r"^/restapis/[^/]+/[^/]+/_user_request_")
_READING_ACTION = re.compile(r"\.(Describe|List|Get|BatchGet|Head)\w*$")

Health = Callable[[], Awaitable[Mapping[str, object]]]


class Gateway:
    """The ASGI application in front of all services.

    `services` maps a signing name to the application that serves it; everything else goes to `default`.
    `on_change` is called after each request to `default` that may have changed something.
    """

    def __init__(
        self,
        default: ASGIApp,
        services: Mapping[str, ASGIApp],
        *,
        health: Health,
        on_change: Callable[[], None],
    ) -> None:
        self._default = default
        self._services = services
        self._health = health
        self._on_change = on_change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == HEALTH_PATH:
            await self._answer_health(scope, receive, send)
        elif service := self._services.get(signing_name(scope) or ""):
            await service(scope, receive, send)
        else:
            caller.set(receive)  # this request's own: each runs in a task of its own
            await self._default(scope, receive, send)
            if may_change(scope):
                self._on_change()

    async def _answer_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = JSONResponse({"message": "Method not allowed"}, status_code=405, headers={"allow": "GET"})
        if Request(scope).method in ("GET", "HEAD"):
            response = JSONResponse(dict(await self._health()))
        await response(scope, receive, send)


def signing_name(scope: Scope) -> str | None:
    """The service a request was signed for, or None when it is not signed."""
    if scope["type"] != "http":
        return None
    credential = _header_credential(scope) or _query_credential(scope)
    parts = credential.split("/") if credential else []
    return parts[3] if len(parts) == 5 else None


def _header_credential(scope: Scope) -> str | None:
    match = _CREDENTIAL.search(Headers(scope=scope).get("authorization", ""))
    return match.group(1) if match else None


def _query_credential(scope: Scope) -> str | None:
    query = scope.get("query_string", b"")
    if b"X-Amz-Credential" not in query:
        return None
    values = parse_qs(query.decode("latin-1")).get("X-Amz-Credential", [])
    return values[0] if values else None


def may_change(scope: Scope) -> bool:
    """False for requests that certainly leave the services as they are."""
    if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    target = Headers(scope=scope).get("x-amz-target", "")
    return not (_DATA_PLANE.match(scope["path"]) or _READING_ACTION.search(target))
