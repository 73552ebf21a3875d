"""The JSON of answers, in TGI's shapes (vLLM's are the same but for `Dialect`).

Source: text-generation-inference 3.3, router/src/lib.rs, router/src/chat.rs and router/src/server.rs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from endpoints.local.model_server.dialects import Dialect
from endpoints.local.model_server.engines.base import Finish, Step, Token
from endpoints.local.model_server.generation import Answer
from endpoints.local.model_server.jobs import Job

Json = dict[str, Any]


@dataclass(frozen=True)
class Envelope:
    """What every OpenAI-shaped body of one answer has in common."""

    model: str
    dialect: Dialect
    answer_id: str
    created: int  # Unix time, seconds

    @classmethod
    def new(cls, model: str, dialect: Dialect, *, prefix: str) -> Envelope:
        """The envelope of a new answer."""
        return cls(model, dialect, dialect.new_id(prefix), int(time.time()))

    def body(self, kind: str, choices: list[Json], **more: Any) -> Json:
        """The body of `kind`, such as "chat.completion"."""
        return {
            "object": kind,
            "id": self.answer_id,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": f"{self.dialect.engine.value}-local",
            "choices": choices,
            **more,
        }


def usage(prompt_tokens: int, completion_tokens: int) -> Json:
    """Token counts."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def generated(answer: Answer, *, prompt: str | None, details: bool) -> Json:
    """A generate answer; `prompt` is put before the text (`return_full_text`)."""
    body: Json = {"generated_text": (prompt or "") + answer.text}
    return {**body, "details": _details(answer)} if details else body


def _details(answer: Answer) -> Json:
    details: Json = {
        "finish_reason": answer.finish.reason.value,
        "generated_tokens": answer.finish.generated_tokens,
        "seed": answer.job.sampling.seed,
        "prefill": [],
        "tokens": [_token(token) for token in answer.tokens],
    }
    if answer.job.sampling.top_n_tokens:
        details["top_tokens"] = [_top_tokens(token) for token in answer.tokens]
    return details


def _token(token: Token) -> Json:
    return {"id": token.id, "text": token.text, "logprob": token.logprob, "special": token.special}


def _top_tokens(token: Token) -> list[Json]:
    return [{"id": top.id, "text": top.text, "logprob": top.logprob, "special": False} for top in token.top]


def generate_event(job: Job, index: int, step: Step, *, text: str | None, details: bool) -> Json:
    """An event of a generate stream; `text` is the whole text, on the last one."""
    event: Json = {"index": index, "token": _token(step.token), "generated_text": text, "details": None}
    if job.sampling.top_n_tokens:
        event["top_tokens"] = _top_tokens(step.token)
    if step.finish is not None and details:
        event["details"] = {
            "finish_reason": step.finish.reason.value,
            "generated_tokens": step.finish.generated_tokens,
            "seed": job.sampling.seed,
            "input_length": job.prompt.tokens,
        }
    return event


def chat(envelope: Envelope, answer: Answer, *, logprobs: bool) -> Json:
    """A chat answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": answer.text},
        "logprobs": _logprobs(answer.tokens) if logprobs else None,
        "finish_reason": envelope.dialect.chat_endings[answer.finish.reason],
    }
    counts = usage(answer.job.prompt.tokens, answer.finish.generated_tokens)
    return envelope.body("chat.completion", [choice], usage=counts)


def chat_event(envelope: Envelope, step: Step, *, logprobs: bool) -> Json:
    """A chunk of a chat stream."""
    token, finish = step.token, step.finish
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": "" if token.special else token.text},
        "logprobs": _logprobs([token]) if logprobs else None,
        "finish_reason": None if finish is None else envelope.dialect.chat_endings[finish.reason],
    }
    return envelope.body("chat.completion.chunk", [choice], usage=None)


def chat_usage_event(envelope: Envelope, job: Job, finish: Finish) -> Json:
    """The chunk that `stream_options.include_usage` asks for: counts and no choices."""
    counts = usage(job.prompt.tokens, finish.generated_tokens)
    return envelope.body("chat.completion.chunk", [], usage=counts)


def _logprobs(tokens: Sequence[Token]) -> Json:
    return {"content": [_logprob(token) for token in tokens if not token.special]}


def _logprob(token: Token) -> Json:
    top = [{"token": top.text, "logprob": top.logprob} for top in token.top]
    return {"token": token.text, "logprob": token.logprob, "top_logprobs": top}


def completion(envelope: Envelope, answers: Sequence[Answer]) -> Json:
    """A completion answer, one choice per prompt."""
    choices = [
        _completion_choice(index, answer.text, envelope.dialect.chat_endings[answer.finish.reason])
        for index, answer in enumerate(answers)
    ]
    prompt_tokens = sum(answer.job.prompt.tokens for answer in answers)
    generated_tokens = sum(answer.finish.generated_tokens for answer in answers)
    return envelope.body("text_completion", choices, usage=usage(prompt_tokens, generated_tokens))


def completion_event(envelope: Envelope, index: int, job: Job, step: Step) -> Json:
    """A chunk of a completion stream; the last one of a prompt has its counts."""
    text = "" if step.token.special else step.token.text
    if step.finish is None:
        return envelope.body("text_completion", [_completion_choice(index, text, "")])
    ending = envelope.dialect.streamed_completion_endings[step.finish.reason]
    counts = usage(job.prompt.tokens, step.finish.generated_tokens)
    return envelope.body("text_completion", [_completion_choice(index, text, ending)], usage=counts)


def _completion_choice(index: int, text: str, finish_reason: str) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
