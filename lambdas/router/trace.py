"""What happened to a request: filled while it runs, complete when its body has ended."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from lambdas.router.choosing.experiments import Exposure
from lambdas.router.failures import UpstreamError, classify
from lambdas.router.route_table import Candidate, Route
from lambdas.router.trace_context import TraceContext

if TYPE_CHECKING:  # most routers limit nothing, and need not load how
    from lambdas.router.limits.admission import Admission

MAX_TEXT_BYTES = 64 * 1024
"""Of a prompt, and of an answer, that are kept for the log. What is written of them is shorter still."""


class Ended(StrEnum):
    """How a request ended, beside its status: a stream's status was sent long before."""

    COMPLETE = "complete"
    ERROR = "error"  # with an error, as its response or as the last event of its stream
    GONE = "gone"  # the caller left before the end


class AttemptRecord(NamedTuple):
    """One attempt.

    `outcome` is "ok", a `FailureKind`, or "dropped" where another attempt was faster or the caller left. `detail` is
    SageMaker's own text; never an engine's, which may quote a prompt. `waited_ms`: before it, because the candidate was
    to be given time. `breaker`: the candidate's circuit breaker when it was asked; "half_open" is its probe, "open" the
    least bad of all.
    `span_id`: under which the model server was told of it.
    """

    role: str
    outcome: str
    duration_ms: float
    code: str = ""
    status: int | None = None
    detail: str = ""
    waited_ms: float = 0.0
    breaker: str = "closed"
    hedge: bool = False
    span_id: str = ""


class Texts:
    """What was asked and answered, as it went over the wire; both cut off at `MAX_TEXT_BYTES`."""

    __slots__ = ("answer", "prompt")

    def __init__(self, prompt: bytes, answer: bytes = b"") -> None:
        self.prompt = prompt[:MAX_TEXT_BYTES]
        self.answer = answer[:MAX_TEXT_BYTES]

    def add(self, piece: bytes) -> None:
        """More of the answer."""
        if len(self.answer) < MAX_TEXT_BYTES:
            self.answer += piece[: MAX_TEXT_BYTES - len(self.answer)]


class Trace:
    """A request's story, for its log line, its headers and its metrics."""

    operation: str | None = None
    use_case: str | None = None
    route: Route | None = None
    stream: bool = False
    candidate: Candidate | None = None
    exposure: Exposure | None = None
    prompt_tokens: int | None = None  # the token counts are None where the engine gave none
    completion_tokens: int | None = None
    first_token_ms: float | None = None  # of the attempt that answered; None unless streamed
    status: int | None = None  # the response's; None when there was none
    error: str | None = None  # the code of the error that the caller got
    latency_ms: float = 0.0
    ended: Ended | None = None  # None while it runs
    admission: Admission | None = None  # None where nothing limits the caller
    texts: Texts | None = None  # None unless the use case has its texts logged

    def __init__(
        self,
        request_id: str = "",
        caller: str | None = None,
        context: TraceContext | None = None,
        started_s: float = 0.0,
    ) -> None:
        """`caller`: a stable id of the API key, never the key. `started_s`: by the core's clock."""
        self.request_id = request_id
        self.caller = caller
        self.context = context
        self.started_s = started_s
        self.attempts: list[AttemptRecord] = []

    @property
    def failovers(self) -> int:
        """How many candidates were asked because another one had failed."""
        if len(self.attempts) < 2:
            return 0
        return max(0, len({attempt.role for attempt in self.attempts if not attempt.hedge}) - 1)

    def noted(self, answer: bytes) -> bytes:
        """`answer`, kept for the log where the use case wants that."""
        if self.texts is not None:
            self.texts.add(answer)
        return answer

    def charged_tokens(self, admission: Admission) -> int:
        """What the request's key pays: an answer in full, of one that broke what is known of it, else nothing."""
        if self.candidate is None:
            return 0
        if self.ended is Ended.ERROR:
            return (self.prompt_tokens or 0) + (self.completion_tokens or 0)
        return admission.used(self.prompt_tokens, self.completion_tokens)

    def interrupted(self, fault: UpstreamError, code: str, now_s: float) -> None:
        """The stream that had begun broke: its attempt, the last one, was not "ok" after all.

        `code` is what the caller was told.
        """
        begun = self.attempts[-1]
        self.attempts[-1] = begun._replace(
            outcome=classify(fault).value,
            duration_ms=round((now_s - self.started_s) * 1000, 1),
            code=fault.code,
            status=fault.status,
            detail=fault.detail,
        )
        self.error = code

    def finish(self, ended: Ended, now_s: float) -> bool:
        """Note the end. False when it was noted before: only the first counts."""
        if self.ended is not None:
            return False
        self.ended, self.latency_ms = ended, round((now_s - self.started_s) * 1000, 1)
        return True


Observer = Callable[[Trace], None]
"""Told of every request once it has ended."""
