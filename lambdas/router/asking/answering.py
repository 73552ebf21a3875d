"""Gets a request its answer: turn by turn, the first one hedged where the use case wants that.

The last candidate has all the time that is left. Where a repetition of another one is due meanwhile, that begins beside
it, so that neither a candidate that hangs nor one that is slow decides alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambdas.router.asking.attempts import Asked, Attempts
from lambdas.router.asking.hedging import HedgeBudget
from lambdas.router.asking.run import Run, Turn, Won
from lambdas.router.route_table import Hedging


async def answer(attempts: Attempts, asked: Asked) -> Won:
    """The first complete answer, or the first stream that has begun (to its end where the answer is to be whole).

    Raises `ApiError` when the request is at fault, no candidate answers, or the time is over.
    """
    run = Run(attempts, asked)
    hedging = _hedging(asked)
    while (turn := await run.next_turn()) is not None:
        if hedging is not None:
            budget = attempts.hedge_budget(asked.plan.route.use_case)
            won = await _hedged(attempts, run, turn, hedging, budget)
            hedging = None  # one hedge a request
        elif (after_s := run.repetition_after_s(turn)) is not None:
            won = await _with_another(attempts, run, turn, after_s, run.repetition_turn)
        else:
            started_s = attempts.clock()
            try:
                won = await run.take(turn)
            except asyncio.CancelledError:
                run.note_dropped(turn, started_s)  # it held a place of the candidate until now
                raise
        if won is not None:
            return won
    raise run.failure()


def _hedging(asked: Asked) -> Hedging | None:
    """How this request is hedged: a short one with a whole answer, where the use case says so."""
    hedging = asked.plan.route.hedging
    if hedging is None or asked.request.stream or asked.request.prompt_chars > hedging.max_prompt_chars:
        return None
    return hedging


async def _hedged(
    attempts: Attempts, run: Run, turn: Turn, hedging: Hedging, budget: HedgeBudget
) -> Won | None:
    """One turn, and a second one beside it when the first takes long, as far as the budget reaches."""
    budget.earn(hedging)

    def hedge() -> Turn | None:
        second = run.hedge_turn(turn) if budget.affordable else None
        if second is not None:
            budget.spend()
        return second

    return await _with_another(attempts, run, turn, hedging.after_ms / 1000, hedge)


async def _with_another(
    attempts: Attempts, run: Run, turn: Turn, after_s: float, another: Callable[[], Turn | None]
) -> Won | None:
    """One turn, and another one beside it where the first has not ended after a while; the faster answer counts."""
    running: dict[asyncio.Task[Won | None], tuple[Turn, float]] = {}

    def start(turn: Turn) -> None:
        running[asyncio.ensure_future(run.take(turn))] = (turn, attempts.clock())

    start(turn)
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        if not done and (second := another()) is not None:
            start(second)
        return await _first_to_win(set(running))
    finally:
        for task, (its_turn, started_s) in running.items():
            if not task.done():
                task.cancel()
                run.note_dropped(its_turn, started_s)


async def _first_to_win(pending: set[asyncio.Task[Won | None]]) -> Won | None:
    """The first answer; None when every attempt failed. Raises `ApiError` when one found the request at fault."""
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        errors = [error for task in done if (error := task.exception()) is not None]
        for task in done:
            if task.exception() is None and (won := task.result()) is not None:
                return won
        if errors:
            raise errors[0]
    return None
