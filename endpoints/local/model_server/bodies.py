"""The JSON that all answers share, and that of TGI's own schema.

Source: text-generation-inference 3.3, router/src/lib.rs, router/src/chat.rs and router/src/server.rs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from endpoints.local.model_server.dialects import Dialect
from endpoints.local.model_server.engines.base import Step, Token
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


def usage_of(answers: Sequence[Answer], prompts: int = 1) -> Json:
    """Token counts of answers that come in equal numbers for each of `prompts`; a prompt counts once."""
    each = len(answers) // prompts
    return usage(
        sum(answer.job.prompt.tokens for answer in answers[::each]),
        sum(answer.finish.generated_tokens for answer in answers),
    )


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
