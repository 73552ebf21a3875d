"""The router's core: a request in, a response out, for any `Upstream`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from random import random
from typing import Any

from lambdas.router.answers import Answer
from lambdas.router.api.chat import parse_chat
from lambdas.router.api.completions import parse_completion
from lambdas.router.api.generate import parse_generate
from lambdas.router.asking.answering import answer
from lambdas.router.asking.attempts import Asked, Attempts
from lambdas.router.asking.breakers import Breakers, SharedBreakers
from lambdas.router.asking.failed import STREAM_INTERRUPTED
from lambdas.router.asking.live_stream import LiveBody, LiveStream
from lambdas.router.asking.shadow import ShadowObserver, Shadows
from lambdas.router.choosing.plan import Asker, plan
from lambdas.router.choosing.wishes import read_wishes
from lambdas.router.deadline import plan_deadline
from lambdas.router.errors import ApiError, render, too_large, unsupported_encoding
from lambdas.router.failures import UpstreamError
from lambdas.router.fields import parse_object
from lambdas.router.listing import StateOf, list_models, show_model
from lambdas.router.messages import EVENT_STREAM_TYPE, Request, Response, json_response
from lambdas.router.ports import Limits, ModelRequest, Upstream
from lambdas.router.route_table import Candidate, RouteTable, RouteTableSource
from lambdas.router.routing import ASK_A_MODEL, Match, Operation, match
from lambdas.router.trace import Ended, Observer, Texts, Trace
from lambdas.router.trace_context import RESPONSE_HEADER, read_trace_context


class Router:
    """Answers requests by the route table of the moment.

    `observer` is told of every request once it has ended, a streamed one after its last piece; `shadow_observer` of
    every shadow request. `shared_breakers` is what other processes know of the candidates, where somebody tells;
    `limits` what callers may use, None where nothing limits them.
    """

    def __init__(
        self,
        tables: RouteTableSource,
        upstream: Upstream,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random,
        observer: Observer = lambda _: None,
        shadow_observer: ShadowObserver = lambda _: None,
        shared_breakers: SharedBreakers | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._tables = tables
        self._breakers = Breakers(shared_breakers)
        self._attempts = Attempts(upstream, clock, self._breakers, random)
        self._shadows = Shadows(self._attempts, shadow_observer)
        self._clock = clock
        self._observer = observer
        self._limits = limits

    async def handle(
        self, request: Request, *, process_left_s: float | None = None, buffered: bool = False
    ) -> tuple[Response, Trace]:
        """Answer a request, and tell what happened. A streamed response's body is still to come, and so is its trace.

        `process_left_s`: seconds until this process is ended, if known. `buffered`: the edge can hand over
        whole answers only, within API Gateway's limit; a stream then falls over at any point and its body is bytes.
        """
        context = read_trace_context(request.headers)
        trace = Trace(request.request_id, request.caller, context, self._clock())
        try:
            response = await self._respond(request, trace, process_left_s, buffered)
        except asyncio.CancelledError:
            self._finish(trace, Ended.GONE)
            raise
        trace.status = response.status
        if isinstance(response.body, bytes):
            self._finish(trace, Ended.COMPLETE if response.status < 400 else Ended.ERROR)
        return response, trace

    async def close(self) -> None:
        """Give up what runs besides requests."""
        await self._shadows.close()

    async def _respond(
        self, request: Request, trace: Trace, process_left_s: float | None, buffered: bool
    ) -> Response:
        try:
            found = match(request.method, request.path)
            trace.operation = found.operation
            # Lambda's adapter asks for the health before there is any request.
            table = self._tables.known() if found.operation is Operation.HEALTH else self._tables.current()
            if found.operation in ASK_A_MODEL:
                asked = self._read(table, found, request, trace, process_left_s, buffered)
                if self._limits is not None:
                    most = asked.request.most_output_tokens
                    trace.admission = await self._limits.admit(
                        request.caller, asked.request.prompt_chars, most
                    )
                response = await self._ask(asked)
            else:
                response = _answer_itself(table, found, self._state_of)
        except ApiError as error:
            trace.error = error.code
            response = render(error)
        return _labelled(response, trace, with_body=request.method != "HEAD")

    def _read(
        self,
        table: RouteTable,
        found: Match,
        request: Request,
        trace: Trace,
        process_left_s: float | None,
        buffered: bool,
    ) -> Asked:
        """What is asked, of whom, until when. Raises `ApiError`."""
        body = _read_body(table, request)
        parsed = _parse(table, found, request, body)
        route, wishes = parsed.choice.route, read_wishes(request.headers)
        trace.route, trace.use_case, trace.stream = route, route.use_case, parsed.stream
        if len(request.body) > route.limits.max_body_bytes:
            raise too_large(len(request.body), route.limits.max_body_bytes)
        if route.log_text:
            trace.texts = Texts(request.body)
        planned = plan(parsed.choice, wishes, Asker(body.get("user"), request.headers, request.request_id))
        live = parsed.stream and not buffered
        deadline = plan_deadline(
            self._clock(),
            timeout_ms=route.streams.timeout_ms if live else route.limits.timeout_ms,
            caller_s=wishes.timeout_s,
            process_left_s=process_left_s,
            gateway_waited_s=request.waited_s if buffered else None,
        )
        return Asked(parsed, planned, deadline, trace, whole=buffered)

    async def _ask(self, asked: Asked) -> Response:
        trace = asked.trace
        trace.exposure = asked.plan.exposure  # whoever answers, if anybody: an arm that fails is a result too
        won = await answer(self._attempts, asked)
        trace.candidate, content = won.candidate, won.answer
        self._shadows.consider(asked)
        if isinstance(content, Answer):
            trace.prompt_tokens, trace.completion_tokens = content.prompt_tokens, content.completion_tokens
            return Response(200, trace.noted(content.body), {"content-type": content.content_type})
        if asked.whole:
            _count_tokens(trace, content)
            whole = trace.noted(b"".join(content.take()))
            return Response(200, whole, {"content-type": EVENT_STREAM_TYPE})
        return Response(200, self._body(asked, content, won.candidate), {"content-type": EVENT_STREAM_TYPE})

    def _body(self, asked: Asked, stream: LiveStream, candidate: Candidate) -> LiveBody:
        def ended(how: Ended, fault: UpstreamError | None) -> None:
            if asked.trace.ended is not None:
                return
            if fault is not None:
                asked.trace.interrupted(fault, STREAM_INTERRUPTED, self._clock())
                self._attempts.broke(asked, candidate, fault)
            _count_tokens(asked.trace, stream)
            self._finish(asked.trace, how)

        texts = asked.trace.texts
        return LiveBody(stream, ended, None if texts is None else texts.add)

    def _state_of(self, candidate: Candidate) -> str:
        return self._breakers.state(candidate, self._clock()).value

    def _finish(self, trace: Trace, ended: Ended) -> None:
        if not trace.finish(ended, self._clock()):
            return
        if self._limits is not None and trace.admission is not None:
            self._limits.settle(trace.admission, trace.charged_tokens(trace.admission))
        self._observer(trace)


def _answer_itself(table: RouteTable, found: Match, state_of: StateOf) -> Response:
    """What needs no model."""
    match found.operation:
        case Operation.LIST_MODELS:
            return json_response(200, list_models(table, state_of))
        case Operation.SHOW_MODEL:
            return json_response(200, show_model(table, found.variables["model"], state_of))
        case Operation.OPTIONS:
            return Response(204, headers={"allow": found.allowed})
        case _:
            return json_response(200, _health(table))


def _health(table: RouteTable) -> dict[str, object]:
    """Says that the router is up and what it routes.

    Asks no endpoint: a health check must cost nothing.
    """
    return {"status": "ok", "environment": table.environment, "use_cases": sorted(table.routes)}


def _parse(table: RouteTable, found: Match, request: Request, body: Mapping[str, Any]) -> ModelRequest:
    if found.operation is Operation.CHAT:
        return parse_chat(table, body)
    if found.operation is Operation.COMPLETION:
        return parse_completion(table, body)
    return parse_generate(table, found.variables["use_case"], request.query.get("candidate"), body)


def _read_body(table: RouteTable, request: Request) -> Mapping[str, Any]:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise unsupported_encoding(encoding)
    if len(request.body) > table.max_body_bytes:
        raise too_large(len(request.body), table.max_body_bytes)
    return parse_object(request.body)


def _count_tokens(trace: Trace, stream: LiveStream) -> None:
    reader = stream.reader
    trace.prompt_tokens, trace.completion_tokens = reader.prompt_tokens, reader.completion_tokens


def _labelled(response: Response, trace: Trace, *, with_body: bool) -> Response:
    """Say who answered after how many attempts, on errors too as far as it is known."""
    headers = {**response.headers, "x-request-id": trace.request_id}
    if trace.context is not None:
        headers[RESPONSE_HEADER] = trace.context.response
    if trace.admission is not None:
        headers |= trace.admission.headers
    if trace.use_case is not None:
        headers["x-adept-use-case"] = trace.use_case
        headers["x-adept-attempts"] = str(len(trace.attempts))
    if trace.candidate is not None:
        headers["x-adept-candidate"] = trace.candidate.role
        headers["x-adept-model"] = trace.candidate.model_id
    exposure = trace.exposure
    if exposure is not None and trace.candidate is not None and exposure.arm == trace.candidate.role:
        headers["x-adept-experiment"] = f"{exposure.experiment}:{exposure.arm}"
    return Response(response.status, response.body if with_body else b"", headers)
