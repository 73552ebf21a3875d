"""A router with scripted candidates on a virtual clock, that keeps its state over several requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambdas.router.asking.breakers import SharedBreakers
from lambdas.router.asking.shadow import ShadowRecord
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.messages import Request, Response
from lambdas.router.ports import Limits
from lambdas.router.route_table import RouteTable
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from lambdas.router.trace import Trace
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    WholeResponse,
    body_of,
    candidate,
    chat_body,
    chat_request,
    route,
    table_document,
)
from tests.unit.router.virtual import now_s


def use_case_table(*candidates: dict[str, object], **changes: object) -> RouteTable:
    """`query-enhancement` has `candidates` (two on TGI, unless given) and is treated as `changes` say."""
    both = (candidate("primary", PRIMARY_MODEL), candidate("alternative", ALTERNATIVE_MODEL))
    changed = route("adept-test-query-enhancement", *(candidates or both), **changes)
    return parse_route_table(table_document(**{"query-enhancement": changed}))


@dataclass
class World:
    """`jitter`: what `random` gives. `clock`: the router's. `traces` and `shadows` are what the observers were told."""

    upstream: FakeUpstream
    table: RouteTable = field(default_factory=use_case_table)
    jitter: Callable[[], float] = lambda: 0.5
    clock: Callable[[], float] = now_s
    shared: SharedBreakers | None = None
    limits: Limits | None = None
    traces: list[Trace] = field(default_factory=list)
    shadows: list[ShadowRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.router = Router(
            self.table,
            self.upstream,
            clock=self.clock,
            random=self.jitter,
            observer=self.traces.append,
            shadow_observer=self.shadows.append,
            shared_breakers=self.shared,
            limits=self.limits,
        )

    async def open(self, request: Request | None = None, **options: Any) -> tuple[Response, Trace]:
        """The response as an edge gets it. `options` are `Router.handle`'s."""
        return await self.router.handle(request or chat_request(), **options)

    async def ask(self, request: Request | None = None, **options: Any) -> WholeResponse:
        """The response with its whole body."""
        response, _ = await self.open(request, **options)
        return WholeResponse(response.status, await body_of(response), response.headers)

    async def answered_by(self, request: Request | None = None, **options: Any) -> str | None:
        """The role of the candidate that answered, None when none did."""
        return (await self.ask(request, **options)).headers.get("x-adept-candidate")


def streamed(**fields: Any) -> Request:
    """A chat request that wants a stream."""
    return chat_request(chat_body(stream=True, **fields))


def with_headers(request: Request | None = None, **headers: str) -> Request:
    """A request with headers; underscores stand for dashes."""
    given = request or chat_request()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(
        given.method,
        given.path,
        headers=named,
        query=given.query,
        body=given.body,
        request_id=given.request_id,
    )


def message_of(response: WholeResponse) -> str:
    """The message of an error response."""
    message: str = json.loads(response.body)["error"]["message"]
    return message


async def settle() -> None:
    """Let tasks that are ready run, without time passing."""
    for _ in range(10):
        await asyncio.sleep(0)


def engine(status: int, message: str = "m", **changes: Any) -> UpstreamError:
    """ModelError: the container's own status and words."""
    return UpstreamError(
        FaultSource.SERVICE, message, code="ModelError", status=status, from_engine=True, **changes
    )


def service(code: str, status: int, **changes: Any) -> UpstreamError:
    """SageMaker's own error."""
    return UpstreamError(
        FaultSource.SERVICE, f"SageMaker answered {code}", code=code, status=status, **changes
    )


def outcomes(world: World) -> list[tuple[str, str]]:
    """(Role, outcome) of each attempt of the last request."""
    return [(attempt.role, attempt.outcome) for attempt in world.traces[-1].attempts]
