"""Run a job on the engine: stop sequences, and a definite end."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from endpoints.local.model_server.engines.base import Engine, Finish, FinishReason, Step, Token
from endpoints.local.model_server.errors import IncompleteError
from endpoints.local.model_server.jobs import Job
from endpoints.local.model_server.stops import StopMatcher


@dataclass
class Answer:
    """A complete answer."""

    job: Job
    finish: Finish
    tokens: list[Token] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """What the model said, without special tokens."""
        return visible_text(self.tokens)


def visible_text(tokens: list[Token]) -> str:
    """The tokens' text without special ones."""
    return "".join(token.text for token in tokens if not token.special)


async def steps(engine: Engine, job: Job, *, withhold_stop: bool) -> AsyncGenerator[Step]:
    """The job's steps; the last one has a finish. Raises `GenerationError` and `IncompleteError`."""
    matcher, count = StopMatcher(job.stop, withhold=withhold_stop), 0
    async with aclosing(engine.generate(job.prompt, job.sampling)) as source:
        async for step in source:
            count += 1
            token = step.token
            if not token.special:
                token = replace(token, text=matcher.push(token.text))
            if matcher.matched:
                yield Step(token, Finish(FinishReason.STOP_SEQUENCE, count))
                return
            if step.finish is not None:
                rest = matcher.rest()
                yield _with_rest(token, rest, step.finish)
                return
            yield Step(token)
    raise IncompleteError


def _with_rest(token: Token, rest: str, finish: Finish) -> Step:
    """The last step, with text that was held back in case it began a stop sequence."""
    if not rest:
        return Step(token, finish)
    return Step(Token(rest if token.special else token.text + rest), finish)


async def complete(engine: Engine, job: Job, *, withhold_stop: bool) -> Answer:
    """The whole answer at once."""
    started, tokens = time.perf_counter(), []
    async with aclosing(steps(engine, job, withhold_stop=withhold_stop)) as source:
        async for step in source:
            tokens.append(step.token)
            if step.finish is not None:
                return Answer(job, step.finish, tokens, time.perf_counter() - started)
    raise IncompleteError
