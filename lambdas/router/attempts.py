"""Asks the candidates of a request one after the other until one answers or the time is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lambdas.router.answers import Answer
from lambdas.router.deadline import Deadline
from lambdas.router.failures import (
    FailedAttempt,
    FailureKind,
    UpstreamError,
    caller_error,
    classify,
    combined_error,
)
from lambdas.router.live_stream import LiveStream
from lambdas.router.ports import Call, ModelRequest, Upstream
from lambdas.router.route_table import Candidate
from lambdas.router.trace import AttemptRecord, Trace


@dataclass(frozen=True, slots=True)
class Attempts:
    """How candidates are asked: where, and by which clock (seconds, monotonic)."""

    upstream: Upstream
    clock: Callable[[], float]

    async def run(
        self, request: ModelRequest, deadline: Deadline, trace: Trace, *, whole: bool
    ) -> Answer | LiveStream:
        """The first complete answer, or the first stream that has begun; with `whole`, one that has ended too.

        Raises `ApiError` when the request is at fault or no candidate answers.
        """
        failed: list[FailedAttempt] = []
        candidates = request.choice.candidates
        for index, candidate in enumerate(candidates):
            budget_s = deadline.attempt_budget_s(self.clock(), len(candidates) - index)
            if budget_s is None:
                failed.append(
                    FailedAttempt(candidate.role, FailureKind.TIMEOUT, "no time was left to ask it")
                )
                break
            answer = await self._try(request, candidate, budget_s, trace, failed, whole)
            if answer is not None:
                return answer
        raise combined_error(request.choice.route.use_case, failed)

    async def _try(
        self,
        request: ModelRequest,
        candidate: Candidate,
        budget_s: float,
        trace: Trace,
        failed: list[FailedAttempt],
        whole: bool,
    ) -> Answer | LiveStream | None:
        started_s = self.clock()
        try:
            answer = await self._ask(request, candidate, budget_s, trace, whole)
        except UpstreamError as fault:
            kind = classify(fault)
            trace.attempts.append(_record(candidate, kind, self._since_ms(started_s), fault))
            if kind is FailureKind.CALLER:
                raise caller_error(fault) from fault
            failed.append(FailedAttempt(candidate.role, kind, fault.message))
            return None
        trace.attempts.append(AttemptRecord(candidate.role, "ok", self._since_ms(started_s)))
        trace.candidate = candidate
        return answer

    async def _ask(
        self, request: ModelRequest, candidate: Candidate, budget_s: float, trace: Trace, whole: bool
    ) -> Answer | LiveStream:
        call = Call(candidate.endpoint_name, candidate.variant, request.payload(candidate), request.stream)
        if not request.stream:
            raw = await self.upstream.invoke(call, timeout_s=budget_s)
            return request.read(candidate, raw, trace.request_id)
        started_s = self.clock()
        pieces = self.upstream.stream(call, first_s=budget_s, idle_s=budget_s, total_s=budget_s)
        stream = LiveStream(pieces, request.reader(candidate, trace.request_id))
        await stream.begin(whole=False)
        trace.first_token_ms = self._since_ms(started_s)
        if whole:
            await stream.begin(whole=True)
        return stream

    def _since_ms(self, started_s: float) -> float:
        return round((self.clock() - started_s) * 1000, 1)


def _record(
    candidate: Candidate, kind: FailureKind, duration_ms: float, fault: UpstreamError
) -> AttemptRecord:
    return AttemptRecord(candidate.role, kind.value, duration_ms, fault.code, fault.status, fault.detail)
