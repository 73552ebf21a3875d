"""The router as a program that HTTP requests are put to: each gets an answer of OpenAI's shape, whatever happens."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from lambdas.router import gateway_context, log, snapshot
from lambdas.router.adapter_context import UNKNOWN, AdapterContext, is_in_lambda, read_adapter_context
from lambdas.router.assembly import Assembly, assemble
from lambdas.router.errors import (
    INVALID_REQUEST,
    SERVER_ERROR,
    ApiError,
    internal_error,
    not_configured,
    render,
)
from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.http.server import App
from lambdas.router.log_queue import Line, LogQueue
from lambdas.router.messages import Request, Response
from lambdas.router.route_table import RouteTableError

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_DEFAULT_BODY_BYTES = 1024 * 1024  # while there is no valid table to say it
_CODES = {
    400: "invalid_http",
    408: "request_timeout",
    413: "request_too_large",
    431: "headers_too_large",
    503: "router_overloaded",
}


class RouterApp:
    """The router behind an HTTP server. It is assembled once; until that succeeds every request tries again."""

    def __init__(self, make: Callable[[Callable[[Line], None]], Assembly] = assemble) -> None:
        self._make = make
        self._log = LogQueue()
        self._assembly: Assembly | None = None
        self._restored_path = snapshot.restored_path()
        self._is_in_lambda = is_in_lambda()

    def app(self) -> App:
        return App(self.answer, _refusal, self._max_body_bytes, _crashed)

    def prepare(self) -> None:
        """Assemble now, while no caller waits. What is wrong with the table is told when a request comes."""
        try:
            self._assembled()
        except RouteTableError as error:
            log.write(log.route_table_line("", error))

    async def close(self) -> None:
        """Give up what runs besides requests, write the log's last lines, and close the connections to AWS."""
        if self._assembly is not None:
            await self._assembly.close()
        self._log.flush()

    async def answer(self, raw: RawRequest) -> Response:
        """Answer a request. Never raises, but for being cancelled."""
        if raw.target == self._restored_path and raw.method == "POST":
            return snapshot.begin_anew()
        context = read_adapter_context(raw.headers) if self._is_in_lambda else UNKNOWN
        request_id = _request_id(raw.headers, context)
        try:
            request = _request(raw, context, request_id)
            router = self._assembled().router
            response, _ = await router.handle(request, process_left_s=context.process_left_s)
        except RouteTableError as error:
            log.write(log.route_table_line(request_id, error))
            return _failed(not_configured(), request_id)
        except Exception as error:  # noqa: BLE001 - the last line: a bug must become a 500
            log.write(log.crash_line(request_id, error))
            return _failed(internal_error(), request_id)
        return response

    def _assembled(self) -> Assembly:
        if self._assembly is None:
            self._assembly = self._make(self._log.add)
        return self._assembly

    def _max_body_bytes(self) -> int:
        if self._assembly is None:
            return _DEFAULT_BODY_BYTES
        return self._assembly.tables.known().max_body_bytes


def _request(raw: RawRequest, context: AdapterContext, request_id: str) -> Request:
    target, _, query = raw.target.partition("?")
    path = target if target.startswith("/") else _path_of(target)
    gateway = context.gateway
    return Request(
        method=raw.method,
        path=gateway_context.without_stage(path, gateway) if gateway else path,
        headers=raw.headers,
        query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        body=raw.body,
        request_id=request_id,
        waited_s=gateway_context.waited_s(gateway) if gateway else 0.0,
        caller=gateway_context.caller_of(gateway) if gateway else None,
    )


def _path_of(target: str) -> str:
    """`GET http://host/path`, as a proxy is asked. What is no address is left as it is: there is nothing at it."""
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return target


def _request_id(headers: Mapping[str, str], context: AdapterContext) -> str:
    """The caller's own if it is one, else API Gateway's, else a new one, from the system's randomness.

    That of a process would be the same in every copy of a snapshot.
    """
    given = headers.get("x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    of_gateway = gateway_context.request_id_of(context.gateway) if context.gateway else None
    return of_gateway or os.urandom(16).hex()


def _refusal(refused: Refused) -> Response:
    """For what did not become a request."""
    kind = SERVER_ERROR if refused.status >= 500 else INVALID_REQUEST
    headers = {"retry-after": "1"} if refused.status == 503 else None
    error = ApiError(
        refused.status, refused.message, kind=kind, code=_CODES.get(refused.status), headers=headers
    )
    return _failed(error, os.urandom(16).hex())


def _failed(error: ApiError, request_id: str) -> Response:
    error.headers["x-request-id"] = request_id
    return render(error)


def _crashed(error: Exception) -> None:
    log.write(log.crash_line("", error))
