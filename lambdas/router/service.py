"""The router's core: a request in, a response out, for any `Upstream`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from lambdas.router.attempts import Attempts, ModelRequest, Trace, Upstream
from lambdas.router.chat import parse_chat
from lambdas.router.deadline import Deadline, plan_deadline
from lambdas.router.errors import ApiError, render, too_large, unsupported_encoding
from lambdas.router.fields import parse_object
from lambdas.router.generate import parse_generate
from lambdas.router.listing import list_models, show_model
from lambdas.router.messages import Request, Response, json_response
from lambdas.router.route_table import RouteTable
from lambdas.router.routing import Match, Operation, match


class Router:
    """Serves one route table. Keeps no state between requests."""

    def __init__(
        self, table: RouteTable, upstream: Upstream, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._attempts = Attempts(upstream, clock)
        self._clock = clock

    def handle(self, request: Request, *, process_left_s: float | None = None) -> tuple[Response, Trace]:
        """Answer a request, and tell what happened.

        `process_left_s`: seconds until this process is ended, if known.
        """
        trace = Trace(request_id=request.request_id)
        try:
            found = match(request.method, request.path)
            trace.operation = found.operation.value
            response = self._answer(found, request, process_left_s, trace)
        except ApiError as error:
            response = render(error)
        response = _labelled(response, trace)
        return _without_body(response) if request.method == "HEAD" else response, trace

    def _answer(self, found: Match, request: Request, process_left_s: float | None, trace: Trace) -> Response:
        match found.operation:
            case Operation.HEALTH:
                return json_response(200, self._health())
            case Operation.LIST_MODELS:
                return json_response(200, list_models(self._table))
            case Operation.SHOW_MODEL:
                return json_response(200, show_model(self._table, found.variables["model"]))
            case Operation.OPTIONS:
                return Response(204, headers={"allow": found.allowed})
            case Operation.CHAT | Operation.GENERATE:
                parsed = self._parse(found, request)
                deadline = plan_deadline(
                    self._clock(),
                    timeout_ms=parsed.choice.route.limits.timeout_ms,
                    process_left_s=process_left_s,
                    waited_s=request.waited_s,
                )
                return self._ask_model(parsed, deadline, trace)

    def _health(self) -> dict[str, object]:
        """Says that the router is up and what it routes.

        Asks no endpoint: a health check must cost nothing.
        """
        return {
            "status": "ok",
            "environment": self._table.environment,
            "use_cases": sorted(self._table.routes),
        }

    def _parse(self, found: Match, request: Request) -> ModelRequest:
        body = self._body(request)
        if found.operation is Operation.CHAT:
            parsed: ModelRequest = parse_chat(self._table, body)
        else:
            role = request.query.get("candidate")
            parsed = parse_generate(self._table, found.variables["use_case"], role, body)
        _check_size(request, parsed.choice.route.limits.max_body_bytes)
        return parsed

    def _body(self, request: Request) -> Mapping[str, Any]:
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise unsupported_encoding(encoding)
        _check_size(request, self._table.max_body_bytes)
        return parse_object(request.body)

    def _ask_model(self, parsed: ModelRequest, deadline: Deadline, trace: Trace) -> Response:
        trace.use_case, trace.stream = parsed.choice.route.use_case, parsed.stream
        answer = self._attempts.run(parsed, deadline, trace)
        return Response(200, answer.body, {"content-type": answer.content_type})


def _check_size(request: Request, limit_bytes: int) -> None:
    if len(request.body) > limit_bytes:
        raise too_large(len(request.body), limit_bytes)


def _labelled(response: Response, trace: Trace) -> Response:
    """Say who answered after how many attempts, on errors too as far as it is known."""
    headers = {**response.headers, "x-request-id": trace.request_id}
    if trace.use_case is not None:
        headers["x-adept-use-case"] = trace.use_case
        headers["x-adept-attempts"] = str(len(trace.attempts))
    if trace.candidate is not None:
        headers["x-adept-candidate"] = trace.candidate.role
        headers["x-adept-model"] = trace.candidate.model_id
    return Response(response.status, response.body, headers)


def _without_body(response: Response) -> Response:
    return Response(response.status, b"", response.headers)
