"""Gets a request its answer: turn by turn, the first one hedged where the use case wants that.

The last candidate has all the time that is left. Where repetitions of others are due meanwhile, those begin beside it,
one at a time, so that neither a candidate that hangs nor one that is slow decides alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

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
        elif (waits := run.repetitions_beside(turn)) is not None:
            won = await _with_others(attempts, run, turn, waits, run.repetition_turn)
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

    return await _with_others(attempts, run, turn, iter((hedging.after_ms / 1000,)), hedge)


async def _with_others(
    attempts: Attempts, run: Run, turn: Turn, waits: Iterator[float], another: Callable[[], Turn | None]
) -> Won | None:
    """One turn, and others beside it, one at a time, each after its wait; the first answer counts.

    None when every attempt failed. Raises `ApiError` when one found the request at fault.
    """
    running: dict[asyncio.Task[Won | None], tuple[Turn, float]] = {}

    def start(turn: Turn) -> asyncio.Task[Won | None]:
        task = asyncio.ensure_future(run.take(turn))
        running[task] = (turn, attempts.clock())
        return task

    first = start(turn)
    pending = {first}
    try:
        while pending:
            wait_s = next(waits, None) if pending == {first} else None
            done, pending = await asyncio.wait(pending, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if (won := _won(done)) is not None:
                return won
            if not done and (other := another()) is not None:
                pending.add(start(other))
        return None
    finally:
        for task, (its_turn, started_s) in running.items():
            if not task.done():
                task.cancel()
                run.note_dropped(its_turn, started_s)


def _won(done: set[asyncio.Task[Won | None]]) -> Won | None:
    """An answer among them. Raises `ApiError` when there is none, and one found the request at fault."""
    errors = [error for task in done if (error := task.exception()) is not None]
    for task in done:
        if task.exception() is None and (won := task.result()) is not None:
            return won
    if errors:
        raise errors[0]
    return None
