"""One request's way through its candidates: each in its turn, once more where that makes sense, until one answers.

first      every candidate of the plan that its breaker lets through, in order
then       those again whose fault passes (throttled, not ready, reset), each after its wait, as often as the route
           says; one by one beside the last of the first ones, once its share of the time is over without an answer
at last    the least bad of those that their breakers kept away, once
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from lambdas.router.answers import Answer
from lambdas.router.asking.attempts import Asked, Attempts
from lambdas.router.asking.breaker import Breaker, Permit
from lambdas.router.asking.failed import FailedAttempt, caller_error, combined_error
from lambdas.router.asking.live_stream import LiveStream
from lambdas.router.asking.repetitions import Repetitions
from lambdas.router.errors import ApiError
from lambdas.router.failures import FailureKind, UpstreamError, Verdict, judge
from lambdas.router.route_table import Candidate, HedgeTo
from lambdas.router.trace import AttemptRecord
from lambdas.router.trace_context import new_span_id

DROPPED = "dropped"


class Turn(NamedTuple):
    """A candidate that is asked now, for at most `budget_s`."""

    candidate: Candidate
    breaker: Breaker
    permit: Permit
    budget_s: float
    waited_s: float = 0.0
    hedge: bool = False
    span_id: str = ""


class Won(NamedTuple):
    """Who answered, and what: a whole answer, or a stream that has begun."""

    candidate: Candidate
    answer: Answer | LiveStream


class Run:
    """The state of one request. Made for it, used once."""

    def __init__(self, attempts: Attempts, asked: Asked) -> None:
        self._attempts = attempts
        self._asked = asked
        self._route = asked.plan.route
        self._fresh = deque(asked.plan.candidates)  # not asked yet
        self._again = Repetitions(self._route.retries, attempts.random)
        self._shut: list[Candidate] = []  # their breakers keep them away
        self._failed: list[FailedAttempt] = []
        self._unfit: list[ApiError] = []

    async def next_turn(self) -> Turn | None:
        """Whom to ask now, after having waited where that was due. None when nobody is left, or no time."""
        turn = self._first_turn()
        while turn is None and self._again:
            turn = await self._another_turn()
        return turn or self._last_turn()

    async def take(self, turn: Turn) -> Won | None:
        """Ask once. None when another candidate is to be asked; raises `ApiError` when the request is at fault."""
        candidate, breaker, breakers = turn.candidate, turn.breaker, self._attempts.breakers
        started_s = self._attempts.clock()
        try:
            answer = await self._attempts.ask(self._asked, candidate, turn.budget_s, turn.span_id)
        except UpstreamError as fault:
            verdict = judge(fault)
            if verdict.blames and self._had_its_time(turn, verdict):
                breakers.failed(candidate, breaker, turn.permit, self._attempts.clock())
            else:
                breaker.dropped(turn.permit)
            self._note(turn, verdict.kind.value, started_s, fault)
            self._take_note_of(candidate, verdict, fault)
            return None
        except ApiError as error:  # its engine cannot do what is asked, and was not bothered
            breaker.dropped(turn.permit)
            self._unfit.append(error)
            self._failed.append(FailedAttempt(candidate.role, FailureKind.UNFIT, error.message))
            return None
        except BaseException:
            breaker.dropped(turn.permit)
            raise
        breakers.succeeded(candidate, breaker, turn.permit, self._attempts.clock())
        self._note(turn, "ok", started_s)
        return Won(candidate, answer)

    def hedge_turn(self, first: Turn) -> Turn | None:
        """A second attempt beside `first`. None where there is nobody to ask, or no time."""
        hedging = self._route.hedging
        if hedging is None or hedging.to is HedgeTo.NEXT:
            turn = self._first_turn()
            return None if turn is None else turn._replace(hedge=True)
        now_s = self._attempts.clock()
        budget_s = self._asked.deadline.attempt_budget_s(now_s, len(self._fresh) + 1)
        if budget_s is None:
            return None
        permit = self._attempts.breakers.admit(first.candidate, first.breaker, now_s)
        if permit is None:
            return None
        return Turn(first.candidate, first.breaker, permit, budget_s, hedge=True, span_id=new_span_id())

    def repetitions_beside(self, turn: Turn) -> Iterator[float] | None:
        """After how many seconds each repetition may begin beside a turn that was given all the time that is left.

        The first one once the turn's share is over. None where none is to come, the turn is a repetition and has but a
        share, others come first, or the turn ends in time by itself, as streams do that have no first token.
        """
        if not self._again or self._asked.request.stream or self._again.has_failed(turn.candidate):
            return None
        now_s = self._attempts.clock()
        share_s = self._asked.deadline.attempt_budget_s(now_s, 1 + len(self._again))
        if share_s is None or self._admissible(now_s):
            return None
        return self._waits(now_s + share_s)

    def _waits(self, from_s: float) -> Iterator[float]:
        while self._again:
            now_s = self._attempts.clock()
            after_s = max(0.0, max(from_s, self._again.due_s) - now_s)
            if not self._asked.deadline.has_room_after(now_s, after_s):
                return
            yield after_s

    def repetition_turn(self, waited_s: float = 0.0) -> Turn | None:
        """The repetition that is due. None where the breaker has opened meanwhile, or where too little time is left."""
        candidate, now_s = self._again.take(), self._attempts.clock()
        breaker = self._attempts.breakers.of(candidate, self._route.breaker)
        permit = self._attempts.breakers.admit(candidate, breaker, now_s)
        if permit is None:
            return None
        return self._turn(candidate, breaker, permit, now_s, 1 + len(self._again), waited_s)

    def note_dropped(self, turn: Turn, started_s: float) -> None:
        """Another attempt was faster, or the caller has gone."""
        self._note(turn, DROPPED, started_s)

    def failure(self) -> ApiError:
        """What the caller is told when nobody answered."""
        if self._unfit and len(self._unfit) == len(self._failed):
            return self._unfit[0]
        return combined_error(self._route.use_case, self._failed)

    def _first_turn(self) -> Turn | None:
        now_s, breakers = self._attempts.clock(), self._attempts.breakers
        while self._fresh:
            candidate = self._fresh.popleft()
            breaker = breakers.of(candidate, self._route.breaker)
            permit = breakers.admit(candidate, breaker, now_s)
            if permit is not None:
                return self._turn(candidate, breaker, permit, now_s, 1 + self._admissible(now_s))
            self._shut.append(candidate)
        return None

    async def _another_turn(self) -> Turn | None:
        """A repetition; None where it does not fit into the time, or where the breaker has opened meanwhile."""
        now_s = self._attempts.clock()
        pause_s = max(0.0, self._again.due_s - now_s)
        if not self._asked.deadline.has_room_after(now_s, pause_s):
            self._again.take()
            return None  # the failure that it would have followed is what the caller is told
        await asyncio.sleep(pause_s)
        return self.repetition_turn(pause_s)

    def _last_turn(self) -> Turn | None:
        if not self._shut:
            return None
        now_s = self._attempts.clock()
        candidate = self._attempts.breakers.least_bad(self._shut, self._route.breaker, now_s)
        self._shut.clear()
        breaker = self._attempts.breakers.of(candidate, self._route.breaker)
        return self._turn(candidate, breaker, breaker.insist(), now_s, 1)

    def _turn(
        self,
        candidate: Candidate,
        breaker: Breaker,
        permit: Permit,
        now_s: float,
        attempts_left: int,
        waited_s: float = 0.0,
    ) -> Turn | None:
        budget_s = self._asked.deadline.attempt_budget_s(now_s, attempts_left)
        if budget_s is not None:
            return Turn(candidate, breaker, permit, budget_s, waited_s, span_id=new_span_id())
        breaker.dropped(permit)
        self._failed.append(FailedAttempt(candidate.role, FailureKind.TIMEOUT, "no time was left to ask it"))
        self._fresh.clear()
        self._again.clear()
        self._shut.clear()
        return None

    def _admissible(self, now_s: float) -> int:
        """How many of those not asked yet may be asked: the time is shared among them."""
        admits = self._attempts.breakers.admits
        return sum([admits(candidate, now_s) for candidate in self._fresh])

    def _had_its_time(self, turn: Turn, verdict: Verdict) -> bool:
        """Whether a time-out tells anything: not when the caller, or what came before, left but a moment."""
        if verdict.kind is not FailureKind.TIMEOUT:
            return True
        route, stream = self._route, self._asked.request.stream
        usual_ms = route.streams.first_token_ms if stream else route.limits.timeout_ms / len(route.candidates)
        return turn.budget_s * 1000 >= usual_ms / 2

    def _take_note_of(self, candidate: Candidate, verdict: Verdict, fault: UpstreamError) -> None:
        if verdict.kind is FailureKind.CALLER:
            raise caller_error(fault, self._failed) from fault
        self._failed.append(FailedAttempt(candidate.role, verdict.kind, fault.message, fault.retry_after_s))
        if verdict.kind is FailureKind.CONTEXT_LENGTH:
            self._keep_longer_than(candidate.max_total_tokens)
        self._again.note(candidate, verdict, fault, self._attempts.clock())

    def _keep_longer_than(self, tokens: int) -> None:
        """Only a longer context helps."""
        self._fresh = deque(each for each in self._fresh if each.max_total_tokens > tokens)
        self._shut = [each for each in self._shut if each.max_total_tokens > tokens]
        self._again.keep_longer_than(tokens)

    def _note(self, turn: Turn, outcome: str, started_s: float, fault: UpstreamError | None = None) -> None:
        told = (fault.code, fault.status, fault.detail) if fault else ("", None, "")
        duration_ms = self._attempts.since_ms(started_s)
        waited_ms = round(turn.waited_s * 1000, 1) if turn.waited_s else 0.0
        breaker = turn.permit.state
        self._asked.trace.attempts.append(
            AttemptRecord(
                turn.candidate.role,
                outcome,
                duration_ms,
                *told,
                waited_ms,
                breaker,
                turn.hedge,
                turn.span_id,
            )
        )
