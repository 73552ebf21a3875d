"""The router's core: a request in, a response out, for any `Upstream`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lambdas.router.answers import Answer
from lambdas.router.attempts import Attempts
from lambdas.router.chat import parse_chat
from lambdas.router.completions import parse_completion
from lambdas.router.deadline import Deadline, plan_deadline
from lambdas.router.errors import ApiError, render, too_large, unsupported_encoding
from lambdas.router.failures import UpstreamError
from lambdas.router.fields import parse_object
from lambdas.router.generate import parse_generate
from lambdas.router.listing import list_models, show_model
from lambdas.router.live_stream import LiveBody, LiveStream
from lambdas.router.messages import EVENT_STREAM_TYPE, Request, Response, json_response
from lambdas.router.ports import ModelRequest, Upstream
from lambdas.router.route_table import RouteTable, RouteTableSource
from lambdas.router.routing import ASK_A_MODEL, Match, Operation, match
from lambdas.router.trace import Ended, Observer, Trace


class Router:
    """Answers requests by the route table of the moment.

    `observer` is told of every request once it has ended, a streamed one after its last piece.
    """

    def __init__(
        self,
        tables: RouteTableSource,
        upstream: Upstream,
        *,
        clock: Callable[[], float] = time.monotonic,
        observer: Observer = lambda _: None,
    ) -> None:
        self._tables = tables
        self._attempts = Attempts(upstream, clock)
        self._clock = clock
        self._observer = observer

    async def handle(
        self, request: Request, *, process_left_s: float | None = None, buffered: bool = False
    ) -> tuple[Response, Trace]:
        """Answer a request, and tell what happened. A streamed response's body is still to come, and so is its trace.

        `process_left_s`: seconds until this process is ended, if known. `buffered`: the edge can hand over
        whole answers only, within API Gateway's limit; a stream then falls over at any point and its body is bytes.
        """
        trace = Trace(request_id=request.request_id, started_s=self._clock())
        try:
            response = await self._respond(request, trace, process_left_s, buffered)
        except asyncio.CancelledError:
            self._finish(trace, Ended.GONE)
            raise
        trace.status = response.status
        if isinstance(response.body, bytes):
            self._finish(trace, Ended.COMPLETE if response.status < 400 else Ended.ERROR)
        return response, trace

    async def _respond(
        self, request: Request, trace: Trace, process_left_s: float | None, buffered: bool
    ) -> Response:
        table = self._tables.current()
        try:
            found = match(request.method, request.path)
            trace.operation = found.operation.value
            if found.operation in ASK_A_MODEL:
                parsed = _parse(table, found, request)
                deadline = plan_deadline(
                    self._clock(),
                    timeout_ms=parsed.choice.route.limits.timeout_ms,
                    process_left_s=process_left_s,
                    waited_s=request.waited_s,
                )
                response = await self._ask_model(parsed, deadline, trace, buffered)
            else:
                response = _answer_itself(table, found)
        except ApiError as error:
            response = render(error)
        response = _labelled(response, trace)
        return replace(response, body=b"") if request.method == "HEAD" else response

    async def _ask_model(
        self, parsed: ModelRequest, deadline: Deadline, trace: Trace, buffered: bool
    ) -> Response:
        trace.use_case, trace.stream = parsed.choice.route.use_case, parsed.stream
        answer = await self._attempts.run(parsed, deadline, trace, whole=buffered)
        if isinstance(answer, Answer):
            trace.prompt_tokens, trace.completion_tokens = answer.prompt_tokens, answer.completion_tokens
            return Response(200, answer.body, {"content-type": answer.content_type})
        if buffered:
            _count_tokens(trace, answer)
            return Response(200, b"".join(answer.events), {"content-type": EVENT_STREAM_TYPE})
        return Response(200, self._body(answer, trace), {"content-type": EVENT_STREAM_TYPE})

    def _body(self, stream: LiveStream, trace: Trace) -> LiveBody:
        def ended(how: Ended, fault: UpstreamError | None) -> None:  # noqa: ARG001 - told in the stream
            _count_tokens(trace, stream)
            self._finish(trace, how)

        return LiveBody(stream, ended)

    def _finish(self, trace: Trace, ended: Ended) -> None:
        if trace.finish(ended, self._clock()):
            self._observer(trace)


def _answer_itself(table: RouteTable, found: Match) -> Response:
    """What needs no model."""
    match found.operation:
        case Operation.LIST_MODELS:
            return json_response(200, list_models(table))
        case Operation.SHOW_MODEL:
            return json_response(200, show_model(table, found.variables["model"]))
        case Operation.OPTIONS:
            return Response(204, headers={"allow": found.allowed})
        case _:
            return json_response(200, _health(table))


def _health(table: RouteTable) -> dict[str, object]:
    """Says that the router is up and what it routes.

    Asks no endpoint: a health check must cost nothing.
    """
    return {"status": "ok", "environment": table.environment, "use_cases": sorted(table.routes)}


def _parse(table: RouteTable, found: Match, request: Request) -> ModelRequest:
    body = _read_body(table, request)
    if found.operation is Operation.CHAT:
        parsed: ModelRequest = parse_chat(table, body)
    elif found.operation is Operation.COMPLETION:
        parsed = parse_completion(table, body)
    else:
        role = request.query.get("candidate")
        parsed = parse_generate(table, found.variables["use_case"], role, body)
    _check_size(request, parsed.choice.route.limits.max_body_bytes)
    return parsed


def _read_body(table: RouteTable, request: Request) -> Mapping[str, Any]:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise unsupported_encoding(encoding)
    _check_size(request, table.max_body_bytes)
    return parse_object(request.body)


def _check_size(request: Request, limit_bytes: int) -> None:
    if len(request.body) > limit_bytes:
        raise too_large(len(request.body), limit_bytes)


def _count_tokens(trace: Trace, stream: LiveStream) -> None:
    reader = stream.reader
    trace.prompt_tokens, trace.completion_tokens = reader.prompt_tokens, reader.completion_tokens


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
