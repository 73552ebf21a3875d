"""Chat requests: text, or a call of one of the request's tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from endpoints.local.model_server import chat_bodies, sse
from endpoints.local.model_server.bodies import Envelope, usage, usage_of
from endpoints.local.model_server.dialects import Dialect
from endpoints.local.model_server.engines.base import Engine
from endpoints.local.model_server.generation import Answer, complete, steps
from endpoints.local.model_server.jobs import Job, chat_job
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import ChatRequest
from endpoints.local.model_server.tools import Call, tools_of


@dataclass(frozen=True)
class Chatting:
    """Answers chat requests to one container."""

    engine: Engine
    limits: Limits
    dialect: Dialect

    async def whole(self, request: ChatRequest) -> tuple[Any, list[Answer]]:
        """The answer's JSON, and what was generated for it. Raises `InvocationError`."""
        called = await self._call(request)
        if called is not None:
            made, answer = called
            return chat_bodies.call(self._envelope(), made, answer), [answer]
        jobs = [chat_job(self.engine, self.limits, request)] * self._choices(request)
        answers = await asyncio.gather(*map(self._complete, jobs))
        document = chat_bodies.chat(self._envelope(), answers, with_logprobs=bool(request.logprobs))
        return document, answers

    async def events(self, request: ChatRequest) -> AsyncGenerator[bytes]:
        """The answer's events, without the end marker. Raises `InvocationError`."""
        envelope = self._envelope()
        called = await self._call(request)
        if called is not None:
            made, answer = called
            for document in chat_bodies.call_events(envelope, made):
                yield sse.event(document)
            counts = usage_of([answer])
        else:
            job = chat_job(self.engine, self.limits, request)
            generated = 0
            for index in range(self._choices(request)):
                async with aclosing(self._text(envelope, index, job, request)) as source:
                    async for event, tokens in source:
                        generated += tokens
                        yield event
            counts = usage(job.prompt.tokens, generated)
        if request.stream_options is not None and request.stream_options.include_usage:
            yield sse.event(chat_bodies.usage_event(envelope, counts))

    async def _call(self, request: ChatRequest) -> tuple[Call, Answer] | None:
        """The tool call that the model makes, None where the request has no tools or it makes none.

        It is whole before its first event: TGI waits for its name too.
        """
        tools = tools_of(request, self.limits)
        if tools is None:
            return None
        answer = await self._complete(chat_job(self.engine, self.limits, request, tools))
        made = tools.call_in(answer.text)
        return None if made is None else (made, answer)

    async def _text(
        self, envelope: Envelope, index: int, job: Job, request: ChatRequest
    ) -> AsyncGenerator[tuple[bytes, int]]:
        """Events of one choice, each with the number of tokens that it ends."""
        if not self.dialect.repeats_role:
            yield sse.event(chat_bodies.role_event(envelope, index)), 0
        source = steps(self.engine, job, withhold_stop=self.dialect.withholds_stop_sequence)
        async with aclosing(source):
            async for step in source:
                event = chat_bodies.event(envelope, index, step, with_logprobs=bool(request.logprobs))
                yield sse.event(event), step.finish.generated_tokens if step.finish else 0

    def _choices(self, request: ChatRequest) -> int:
        """TGI gives one whatever `n` says."""
        return 1 if self.limits.engine is ServingEngine.TGI else request.n or 1

    async def _complete(self, job: Job) -> Answer:
        return await complete(self.engine, job, withhold_stop=self.dialect.withholds_stop_sequence)

    def _envelope(self) -> Envelope:
        return Envelope.new(self.engine.model_name, self.dialect, prefix="chatcmpl")
