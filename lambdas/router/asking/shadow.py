"""Shadow traffic: a part of the requests is put to another candidate besides, for comparison.

It begins after the caller's answer has, is bounded in number and in time, and what becomes of it is recorded, never
returned. Nothing that happens here reaches the request. On Lambda a process is frozen between requests: a shadow that
is still out then goes on with the next one, and its times tell of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from lambdas.router.answers import Answer
from lambdas.router.asking.attempts import Asked, Attempts
from lambdas.router.asking.breaker import State
from lambdas.router.asking.live_stream import LiveStream
from lambdas.router.choosing.plan import Plan
from lambdas.router.cost import shadow_cost_usd
from lambdas.router.deadline import Deadline
from lambdas.router.errors import ApiError
from lambdas.router.failures import FailureKind, UpstreamError, classify
from lambdas.router.route_table import Candidate, Shadow
from lambdas.router.trace import Trace


class ShadowRecord(NamedTuple):
    """What became of a shadow request. `text` is the answer, kept where the use case has its text logged, else None."""

    request_id: str
    use_case: str
    role: str
    model_id: str
    answered_by: str | None  # the role whose answer the caller has
    outcome: str  # "ok" or a `FailureKind`
    latency_ms: float
    first_token_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    code: str = ""
    cost_usd: float | None = None  # by estimate; None without a price
    text: bytes | None = None


ShadowObserver = Callable[[ShadowRecord], None]
"""Told of every shadow request once it has ended."""


class Shadows:
    """The shadow requests of this process."""

    def __init__(self, attempts: Attempts, observer: ShadowObserver) -> None:
        self._attempts = attempts
        self._observer = observer
        self._out: dict[asyncio.Task[None], str] = {}  # task -> use case

    def consider(self, asked: Asked) -> None:
        """Put a request that is being answered to the shadowed candidate too, if it is its turn."""
        shadow = asked.plan.route.shadow
        if shadow is None or self._attempts.random() * 100 >= shadow.percent:
            return
        candidate = self._candidate(asked, shadow)
        if candidate is None or self._count(asked.plan.route.use_case) >= shadow.max_in_flight:
            return
        task = asyncio.ensure_future(self._cast(asked, candidate, shadow))
        self._out[task] = asked.plan.route.use_case
        task.add_done_callback(lambda ended: self._out.pop(ended, None))

    async def close(self) -> None:
        """Give up what is out."""
        tasks = list(self._out)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _count(self, use_case: str) -> int:
        return sum(out == use_case for out in self._out.values())

    def _candidate(self, asked: Asked, shadow: Shadow) -> Candidate | None:
        """Whom to ask: not who answers already, and nobody whom its breaker keeps away."""
        answering = asked.trace.candidate
        for candidate in asked.plan.route.candidates:
            if candidate.role == shadow.candidate and candidate is not answering:
                state = self._attempts.breakers.state(candidate, self._attempts.clock())
                return candidate if state is State.CLOSED else None
        return None

    async def _cast(self, asked: Asked, candidate: Candidate, shadow: Shadow) -> None:
        route, started_s = asked.plan.route, self._attempts.clock()
        budget_s = shadow.timeout_ms / 1000
        apart = Trace(request_id=asked.trace.request_id, context=asked.trace.context)
        deadline = Deadline(started_s + budget_s)
        own = Asked(asked.request, Plan(route, (candidate,)), deadline, apart, whole=True)
        outcome, code, answer = "ok", "", None
        try:
            answer = await self._attempts.ask(own, candidate, budget_s)
        except UpstreamError as fault:
            outcome, code = classify(fault).value, fault.code
        except ApiError:
            outcome = FailureKind.UNFIT.value
        except Exception as error:  # noqa: BLE001 - it must reach nobody, and its text may quote the prompt
            outcome, code = "crashed", type(error).__name__
        latency_ms = self._attempts.since_ms(started_s)
        counted = answer.reader if isinstance(answer, LiveStream) else answer
        self._observer(
            ShadowRecord(
                request_id=apart.request_id,
                use_case=route.use_case,
                role=candidate.role,
                model_id=candidate.model_id,
                answered_by=asked.trace.candidate.role if asked.trace.candidate else None,
                outcome=outcome,
                latency_ms=latency_ms,
                first_token_ms=apart.first_token_ms,
                prompt_tokens=counted.prompt_tokens if counted else None,
                completion_tokens=counted.completion_tokens if counted else None,
                code=code,
                cost_usd=shadow_cost_usd(route, candidate, latency_ms),
                text=_text(answer) if route.log_text else None,
            )
        )


def _text(answer: Answer | LiveStream | None) -> bytes | None:
    if answer is None:
        return None
    return b"".join(answer.events) if isinstance(answer, LiveStream) else answer.body
