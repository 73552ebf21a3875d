"""`POST /invocations`: from a body to an answer or a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from endpoints.local.model_server import bodies, completion_bodies, sse
from endpoints.local.model_server.bodies import Envelope, usage
from endpoints.local.model_server.chatting import Chatting
from endpoints.local.model_server.container import Container
from endpoints.local.model_server.dialects import Dialect, dialect_of
from endpoints.local.model_server.engines.base import Engine, Step
from endpoints.local.model_server.errors import InvalidRequestError, InvocationError, UndecodableError
from endpoints.local.model_server.generation import Answer, complete, steps, visible_text
from endpoints.local.model_server.jobs import Job, completion_jobs, generate_job
from endpoints.local.model_server.limits import ServingEngine
from endpoints.local.model_server.schemas import (
    ChatRequest,
    CompletionRequest,
    GenerateRequest,
    Invocation,
)


@dataclass(frozen=True)
class Reply:
    """A complete answer's JSON, and TGI's headers about it."""

    document: Any
    headers: dict[str, str] = field(default_factory=dict)


class Invoker:
    """Answers requests to one container."""

    def __init__(self, engine: Engine, container: Container) -> None:
        self._engine = engine
        self._container = container
        self._limits = container.limits
        self.dialect: Dialect = dialect_of(container.limits.engine)
        self._chatting = Chatting(engine, container.limits, self.dialect)

    def check(self, request: Invocation) -> None:
        """Refuse kinds of request that this engine's container does not serve."""
        if isinstance(request, GenerateRequest) and not self.dialect.serves_generate:
            raise UndecodableError(400, "vLLM serves `messages` and `prompt`; `inputs` is TGI's schema")
        if isinstance(request, CompletionRequest):
            self._check_completion(request)

    def _check_completion(self, request: CompletionRequest) -> None:
        if request.suffix is not None:
            raise InvalidRequestError(
                "Suffix is not supported and can be achieved by preprocessing the prompt."
            )
        most = self._limits.max_client_batch_size
        if self._limits.engine is ServingEngine.TGI and len(request.prompts) > most:
            raise InvalidRequestError(f"Number of prompts exceeds the maximum allowed batch size of {most}")

    async def answer(self, request: Invocation) -> Reply:
        """The whole answer. Raises `InvocationError`."""
        with self._container.permit():
            if isinstance(request, GenerateRequest):
                return await self._generate(request)
            if isinstance(request, ChatRequest):
                return await self._chat(request)
            return await self._completion(request)

    async def _generate(self, request: GenerateRequest) -> Reply:
        parameters = request.parameters
        answer = await self._complete(generate_job(self._engine, self._limits, request))
        prompt = request.inputs if parameters.return_full_text else None
        document = bodies.generated(answer, prompt=prompt, details=parameters.details)
        return Reply([document], _headers([answer]))  # a list, as the Inference API has it

    async def _chat(self, request: ChatRequest) -> Reply:
        document, answers = await self._chatting.whole(request)
        return Reply(document, _headers(answers))

    async def _completion(self, request: CompletionRequest) -> Reply:
        jobs = self._completion_jobs(request)
        answers = await asyncio.gather(*map(self._complete, jobs))
        document = completion_bodies.completion(
            self._envelope(),
            answers,
            prompts=len(request.prompts),
            with_logprobs=self._with_logprobs(request),
        )
        return Reply(document, _headers(answers))

    def _completion_jobs(self, request: CompletionRequest) -> list[Job]:
        """One for each choice: TGI gives one for each prompt, whatever `n` says."""
        jobs = completion_jobs(self._engine, self._limits, request)
        each = 1 if self.dialect.serves_generate else request.n or 1
        return [job for job in jobs for _ in range(each)]

    def _with_logprobs(self, request: CompletionRequest) -> bool:
        return request.logprobs is not None and not self.dialect.serves_generate

    async def _complete(self, job: Job) -> Answer:
        return await complete(self._engine, job, withhold_stop=self.dialect.withholds_stop_sequence)

    def _steps(self, job: Job) -> AsyncGenerator[Step]:
        return steps(self._engine, job, withhold_stop=self.dialect.withholds_stop_sequence)

    def _envelope(self) -> Envelope:
        return Envelope.new(self._engine.model_name, self.dialect, prefix="cmpl")

    async def events(self, request: Invocation) -> AsyncIterator[bytes]:
        """The answer as server-sent events. Like TGI, errors are events too: the status is long sent."""
        generate = isinstance(request, GenerateRequest)
        try:
            with self._container.permit():
                async with aclosing(self._events(request)) as events:
                    async for event in events:
                        yield event
        except InvocationError as error:
            yield sse.event(self._error_event(error, generate=generate))
        if not generate:
            yield sse.DONE

    def _error_event(self, error: InvocationError, *, generate: bool) -> Any:
        """TGI's OpenAI streams have a form of their own for errors."""
        if generate or self.dialect.engine is ServingEngine.VLLM:
            return self.dialect.error_body(error)
        return {"error": {"message": error.message, "http_status_code": error.status}}

    def _events(self, request: Invocation) -> AsyncGenerator[bytes]:
        if isinstance(request, GenerateRequest):
            return self._generate_events(request)
        if isinstance(request, ChatRequest):
            return self._chatting.events(request)
        return self._completion_events(request)

    async def _generate_events(self, request: GenerateRequest) -> AsyncGenerator[bytes]:
        job, details = generate_job(self._engine, self._limits, request), request.parameters.details
        text = [request.inputs] if request.parameters.return_full_text else []
        index = 0
        async with aclosing(self._steps(job)) as source:
            async for step in source:
                index += 1
                text.append(visible_text([step.token]))
                whole = "".join(text) if step.finish is not None else None
                yield sse.event(bodies.generate_event(job, index, step, text=whole, details=details))

    async def _completion_events(self, request: CompletionRequest) -> AsyncGenerator[bytes]:
        """One choice's chunks after the other's; a client tells them apart by their index."""
        envelope, with_logprobs = self._envelope(), self._with_logprobs(request)
        jobs, generated = self._completion_jobs(request), 0
        for index, job in enumerate(jobs):
            async with aclosing(self._steps(job)) as source:
                async for step in source:
                    generated += step.finish.generated_tokens if step.finish else 0
                    event = completion_bodies.event(envelope, index, job, step, with_logprobs=with_logprobs)
                    yield sse.event(event)
        options = request.stream_options
        if options is not None and options.include_usage and not self.dialect.serves_generate:
            prompts = sum(job.prompt.tokens for job in jobs[:: len(jobs) // len(request.prompts)])
            yield sse.event(completion_bodies.usage_event(envelope, usage(prompts, generated)))


def _headers(answers: list[Answer]) -> dict[str, str]:
    generated = sum(answer.finish.generated_tokens for answer in answers)
    seconds = max(answer.seconds for answer in answers)
    return {
        "x-compute-type": "cpu",
        "x-compute-time": f"{seconds:.6f}",
        "x-inference-time": str(round(seconds * 1000)),
        "x-time-per-token": str(round(seconds * 1000 / max(generated, 1))),
        "x-prompt-tokens": str(sum(answer.job.prompt.tokens for answer in answers)),
        "x-generated-tokens": str(generated),
    }
