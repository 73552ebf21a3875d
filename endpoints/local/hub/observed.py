"""Around both origins: every request is kept, and the fault that was asked for happens."""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endpoints.local.hub.bodies import requested_range
from endpoints.local.hub.faults import Asked, HubFault, HubFaults
from endpoints.local.hub.pace import PIECE_BYTES, Pace, PacedAnswer
from endpoints.local.hub.refusals import HubRefusal
from endpoints.local.hub.requests import HubRequest, HubRequests, Origin

# The Hub counts in windows of five minutes; here nobody is limited unless a fault says so.
_BUCKET: Final = "resolvers"
_LIMIT: Final = 3000
_WINDOW_S: Final = 300
_FILE_NAME: Final = re.compile(r'filename="([^"]*)"')


class BrokenConnectionError(Exception):
    """Raised to the server in the middle of an answer: it closes the connection."""


class Observed:
    """An origin of the Hub as its clients meet it."""

    def __init__(
        self, app: ASGIApp, origin: Origin, requests: HubRequests, faults: HubFaults, pace: Pace
    ) -> None:
        self._app = app
        self._origin = origin
        self._requests = requests
        self._faults = faults
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._requests.add(_request(self._origin, scope))
        asked = _asked(self._origin, scope)
        sender = _Sender(send, self._origin, asked, self._faults.take(asked), self._pace)
        if not await sender.answers_instead(scope, receive):
            await self._app(scope, receive, sender)


class _Sender:
    """`send` with the fault's effects, at the origin's pace."""

    def __init__(self, send: Send, origin: Origin, asked: Asked, fault: HubFault | None, pace: Pace) -> None:
        self._send = send
        self._origin = origin
        self._fault = fault or HubFault()
        self._offset = asked.first
        self._pace = pace
        self._paced = PacedAnswer(pace)

    async def answers_instead(self, scope: Scope, receive: Receive) -> bool:
        fault = self._fault
        await asyncio.sleep(fault.delay_s + self._pace.latency_s)
        if fault.status is None:
            return False
        waits = {} if fault.retry_after_s is None else _come_back(fault.retry_after_s)
        refusal = HubRefusal(fault.status, fault.code, fault.message, waits)
        await refusal.answer()(scope, receive, self)
        return True

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._change_headers(message)
            await self._send(message)
        elif message["type"] == "http.response.body":
            await self._send_body(message)
        else:
            await self._send(message)

    def _change_headers(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        if self._origin is Origin.HUB:
            headers.setdefault("RateLimit", f'"{_BUCKET}";r={_LIMIT - 1};t={_WINDOW_S}')
            headers["RateLimit-Policy"] = f'"fixed window";"{_BUCKET}";q={_LIMIT};w={_WINDOW_S}'
        for name, value in self._fault.headers.items():
            headers[name] = value

    async def _send_body(self, message: Message) -> None:
        body, pause_s = message.get("body", b""), self._fault.pause_s
        step = PIECE_BYTES if pause_s or self._paced.is_limited else max(len(body), 1)
        for start in range(0, max(len(body), 1), step):
            piece = body[start : start + step]
            more = message.get("more_body", False) or start + step < len(body)
            await self._send_piece({**message, "body": piece, "more_body": more})
            await asyncio.sleep(pause_s)
            await self._paced.sent(len(piece))

    async def _send_piece(self, message: Message) -> None:
        body: bytes = message["body"]
        begin, end = self._offset, self._offset + len(message["body"])
        self._offset = end
        flip, cut = self._fault.flip_at, self._fault.truncate_at
        if flip is not None and begin <= flip < end:
            body = body[: flip - begin] + bytes([body[flip - begin] ^ 1]) + body[flip - begin + 1 :]
        if cut is not None and begin <= cut < end:
            await self._send({**message, "body": body[: cut - begin], "more_body": True})
            raise BrokenConnectionError
        await self._send({**message, "body": body})


def _request(origin: Origin, scope: Scope) -> HubRequest:
    headers = Headers(scope=scope)
    return HubRequest(
        origin=origin,
        method=scope["method"],
        host=headers.get("host", ""),
        path=_path(scope),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=dict(headers),
    )


def _asked(origin: Origin, scope: Scope) -> Asked:
    path = _path(scope)
    names = [path]
    if origin is Origin.CDN:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        names += _FILE_NAME.findall(query.get("response-content-disposition", [""])[0])
    has_file = scope["method"] == "GET" and (origin is Origin.CDN or path.startswith("/api/resolve-cache/"))
    first, last = requested_range(Headers(scope=scope).get("range")) or (0, None)
    return Asked(
        origin, scope["method"], tuple(names), has_file, first or 0, last if first is not None else None
    )


def _path(scope: Scope) -> str:
    """Below the prefix that the application is mounted at."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _come_back(after_s: int) -> dict[str, str]:
    return {"Retry-After": str(after_s), "RateLimit": f'"{_BUCKET}";r=0;t={after_s}'}
