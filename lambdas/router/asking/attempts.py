"""How a router asks candidates: where, by which clock, and what it has learnt of them."""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import NamedTuple

from lambdas.router.answers import Answer
from lambdas.router.asking.breakers import Breakers
from lambdas.router.asking.hedging import HedgeBudget
from lambdas.router.asking.live_stream import LiveStream
from lambdas.router.choosing.plan import Plan
from lambdas.router.deadline import Deadline
from lambdas.router.failures import UpstreamError, judge
from lambdas.router.ports import Call, ModelRequest, Upstream
from lambdas.router.route_table import Candidate
from lambdas.router.trace import Trace
from lambdas.router.trace_context import new_span_id


class Asked(NamedTuple):
    """A request on its way: what it is, whom it may ask, until when.

    `whole`: its answer is handed over in one piece, so that a stream can fall over at any point.
    """

    request: ModelRequest
    plan: Plan
    deadline: Deadline
    trace: Trace
    whole: bool


class Attempts:
    """What all requests share. `clock` gives seconds and never goes back; `random` numbers from 0 to 1."""

    def __init__(
        self,
        upstream: Upstream,
        clock: Callable[[], float],
        breakers: Breakers | None = None,
        random: Callable[[], float] = random,
    ) -> None:
        self.upstream = upstream
        self.clock = clock
        self.breakers = breakers or Breakers()
        self.random = random
        self._hedge_budgets: dict[str, HedgeBudget] = {}

    async def ask(
        self, asked: Asked, candidate: Candidate, budget_s: float, span_id: str | None = None
    ) -> Answer | LiveStream:
        """One attempt. Raises `UpstreamError`, and `ApiError` where the candidate's engine cannot do it.

        `span_id`: under which the model server is told of it, in the request's trace.
        """
        request, trace = asked.request, asked.trace
        context = trace.context
        call = Call(
            candidate.endpoint_name,
            candidate.variant,
            request.payload(candidate),
            request.stream,
            None if context is None else context.attributes(span_id or new_span_id()),
        )
        if not request.stream:
            raw = await self.upstream.invoke(call, timeout_s=budget_s)
            return request.read(candidate, raw, trace.request_id)
        started_s = self.clock()
        stream = self._open(asked, candidate, call, budget_s)
        await stream.begin(self.first_token_s(asked, budget_s))
        first_token_ms = self.since_ms(started_s)
        if asked.whole:
            stream.events = [await stream.read_whole()]
        trace.first_token_ms = first_token_ms
        return stream

    def _open(self, asked: Asked, candidate: Candidate, call: Call, budget_s: float) -> LiveStream:
        idle_s = asked.plan.route.streams.idle_ms / 1000
        # A live stream that has begun keeps what is left of the request's time; nobody else needs it any more.
        total_s = budget_s if asked.whole else asked.deadline.at_s - self.clock()
        pieces = self.upstream.stream(
            call, first_s=self.first_token_s(asked, budget_s), idle_s=idle_s, total_s=total_s
        )
        reader = asked.request.reader(candidate, asked.trace.request_id)
        return LiveStream(pieces, reader, idle_s=idle_s, clock=self.clock)

    def first_token_s(self, asked: Asked, budget_s: float) -> float:
        """How long an attempt may take to its first token: the use case's limit, and its share of the time."""
        return min(asked.plan.route.streams.first_token_ms / 1000, budget_s)

    def broke(self, asked: Asked, candidate: Candidate, fault: UpstreamError) -> None:
        """A stream of the candidate broke after its beginning, which had counted as an answer."""
        if judge(fault).blames:
            breaker = self.breakers.of(candidate, asked.plan.route.breaker)
            self.breakers.failed(candidate, breaker, breaker.late_permit(), self.clock())

    def hedge_budget(self, use_case: str) -> HedgeBudget:
        """The use case's own."""
        budget = self._hedge_budgets.get(use_case)
        if budget is None:
            budget = self._hedge_budgets[use_case] = HedgeBudget()
        return budget

    def since_ms(self, started_s: float) -> float:
        """Milliseconds since a moment of the clock."""
        return round((self.clock() - started_s) * 1000, 1)
