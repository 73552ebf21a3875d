"""The JSON of text completions and their chunks, in both engines' shapes.

Sources: text-generation-inference 3.3, router/src/lib.rs and router/src/server.rs; vLLM 0.29,
vllm/entrypoints/openai/completion/protocol.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from endpoints.local.model_server.bodies import Envelope, Json, usage, usage_of
from endpoints.local.model_server.engines.base import Step, Token
from endpoints.local.model_server.generation import Answer
from endpoints.local.model_server.jobs import Job

KIND = "text_completion"


def completion(envelope: Envelope, answers: Sequence[Answer], *, prompts: int, with_logprobs: bool) -> Json:
    """An answer with as many choices for each prompt, one prompt's after the other's."""
    choices = [
        _choice(
            index,
            answer.text,
            envelope.dialect.chat_endings[answer.finish.reason],
            answer.tokens if with_logprobs else None,
        )
        for index, answer in enumerate(answers)
    ]
    return envelope.body(KIND, choices, usage=usage_of(answers, prompts))


def event(envelope: Envelope, index: int, job: Job, step: Step, *, with_logprobs: bool) -> Json:
    """A chunk. TGI ends with "" until the last one of a prompt, which has its counts."""
    dialect, finish = envelope.dialect, step.finish
    text = "" if step.token.special else step.token.text
    tokens = [step.token] if with_logprobs else None
    if finish is None:
        return envelope.body(KIND, [_choice(index, text, dialect.open_ending, tokens)])
    choice = _choice(index, text, dialect.streamed_completion_endings[finish.reason], tokens)
    if not dialect.serves_generate:
        return envelope.body(KIND, [choice])
    return envelope.body(KIND, [choice], usage=usage(job.prompt.tokens, finish.generated_tokens))


def usage_event(envelope: Envelope, counts: Json) -> Json:
    """vLLM's chunk for `stream_options.include_usage`."""
    return envelope.body(KIND, [], usage=counts)


def _choice(index: int, text: str, ending: str | None, tokens: Sequence[Token] | None) -> Json:
    given = None if tokens is None else _logprobs(tokens)
    return {"index": index, "text": text, "logprobs": given, "finish_reason": ending}


def _logprobs(tokens: Sequence[Token]) -> Json:
    said = [token for token in tokens if not token.special]
    offsets, at = [], 0
    for token in said:
        offsets.append(at)
        at += len(token.text)
    return {
        "tokens": [token.text for token in said],
        "token_logprobs": [token.logprob for token in said],
        "top_logprobs": [{top.text: top.logprob for top in token.top} for token in said],
        "text_offset": offsets,
    }
