"""Asks the candidates of a request one after the other until one answers or the time is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from lambdas.router.answers import Answer
from lambdas.router.choice import Choice
from lambdas.router.deadline import Deadline
from lambdas.router.failures import (
    FailedAttempt,
    FailureKind,
    UpstreamError,
    caller_error,
    classify,
    combined_error,
)
from lambdas.router.route_table import Candidate


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation of one variant. `on_first_piece` is told when the first piece of a streamed answer is there."""

    endpoint_name: str
    variant: str
    body: bytes
    stream: bool
    on_first_piece: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


class Upstream(Protocol):
    """Where models run."""

    def invoke(self, call: Call, *, budget_s: float) -> bytes:
        """The container's whole answer.

        Takes at most `budget_s` seconds; raises `UpstreamError`, and nothing else.
        """


class ModelRequest(Protocol):
    """A valid request of either schema."""

    @property
    def choice(self) -> Choice: ...

    @property
    def stream(self) -> bool: ...

    def payload(self, candidate: Candidate) -> bytes: ...

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer: ...


@dataclass(slots=True)
class Trace:
    """What happened to a request, for its log line and its headers; filled while it runs."""

    request_id: str = ""
    operation: str | None = None
    use_case: str | None = None
    stream: bool = False
    candidate: Candidate | None = None
    answer: Answer | None = None
    first_token_ms: float | None = None  # of the attempt that answered; None unless streamed
    attempts: list[AttemptRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt.

    `outcome` is "ok" or a `FailureKind`. `detail` is SageMaker's own text; never an engine's, which may quote a prompt.
    """

    role: str
    outcome: str
    duration_ms: float
    code: str = ""
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How candidates are asked: where, and by which clock (seconds, monotonic)."""

    upstream: Upstream
    clock: Callable[[], float]

    def run(self, request: ModelRequest, deadline: Deadline, trace: Trace) -> Answer:
        """The first complete answer.

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
            answer = self._try(request, candidate, budget_s, trace, failed)
            if answer is not None:
                return answer
        raise combined_error(request.choice.route.use_case, failed)

    def _try(
        self,
        request: ModelRequest,
        candidate: Candidate,
        budget_s: float,
        trace: Trace,
        failed: list[FailedAttempt],
    ) -> Answer | None:
        started_s = self.clock()
        first_pieces_ms: list[float] = []
        try:
            answer = self._ask(
                request,
                candidate,
                budget_s,
                trace.request_id,
                on_first_piece=lambda: first_pieces_ms.append(self._since_ms(started_s)),
            )
        except UpstreamError as fault:
            kind = classify(fault)
            trace.attempts.append(_record(candidate, kind, self._since_ms(started_s), fault))
            if kind is FailureKind.CALLER:
                raise caller_error(fault) from fault
            failed.append(FailedAttempt(candidate.role, kind, fault.message))
            return None
        trace.attempts.append(AttemptRecord(candidate.role, "ok", self._since_ms(started_s)))
        trace.candidate, trace.answer = candidate, answer
        trace.first_token_ms = next(iter(first_pieces_ms), None)
        return answer

    def _ask(
        self,
        request: ModelRequest,
        candidate: Candidate,
        budget_s: float,
        request_id: str,
        on_first_piece: Callable[[], None],
    ) -> Answer:
        call = Call(
            candidate.endpoint_name,
            candidate.variant,
            request.payload(candidate),
            request.stream,
            on_first_piece,
        )
        return request.read(candidate, self.upstream.invoke(call, budget_s=budget_s), request_id)

    def _since_ms(self, started_s: float) -> float:
        return round((self.clock() - started_s) * 1000, 1)


def _record(
    candidate: Candidate, kind: FailureKind, duration_ms: float, fault: UpstreamError
) -> AttemptRecord:
    return AttemptRecord(candidate.role, kind.value, duration_ms, fault.code, fault.status, fault.detail)
