"""From a request to a job for the engine: TGI's rules, checked in TGI's order and refused in its words.

Source: text-generation-inference 3.3, router/src/validation.rs and router/src/lib.rs (`try_into_generate`).
What TGI does on a GPU and this server cannot do is refused too, saying so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from endpoints.local.model_server import schemas
from endpoints.local.model_server.engines.base import ChatMessage, Engine, Grammar, Prompt, Sampling
from endpoints.local.model_server.errors import InvalidRequestError, UndecodableError
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.tools import Tools

GREEDY: Final = 0.0
UNSUPPORTED: Final = "is not supported by the local model server, only by the engine on AWS"


@dataclass(frozen=True)
class Job:
    """One generation."""

    prompt: Prompt
    sampling: Sampling
    stop: tuple[str, ...] = ()


def generate_job(engine: Engine, limits: Limits, request: schemas.GenerateRequest) -> Job:
    """The job of a generate request. Raises `InvalidRequestError`."""
    parameters = request.parameters
    _refuse_unsupported(parameters, limits)
    sampling = Sampling(
        max_new_tokens=0,
        temperature=_generate_temperature(parameters),
        top_p=_share("top_p", parameters.top_p),
        top_k=_top_k(parameters.top_k),
        repetition_penalty=_repetition_penalty(parameters.repetition_penalty),
        frequency_penalty=_frequency_penalty(parameters.frequency_penalty),
        seed=parameters.seed,
        top_n_tokens=_top_n_tokens(parameters.top_n_tokens, limits),
        grammar=_grammar(parameters.grammar, limits),
    )
    _check_lengths(parameters.max_new_tokens, parameters.stop, limits)
    if not request.inputs:
        raise InvalidRequestError("`inputs` cannot be empty")
    prompt = _truncated(engine, engine.prepare_text(request.inputs), parameters.truncate, limits)
    return _sized(Job(prompt, sampling, parameters.stop), parameters.max_new_tokens, limits)


def chat_job(engine: Engine, limits: Limits, request: schemas.ChatRequest, tools: Tools | None = None) -> Job:
    """The job of a chat request; with `tools` its answer is a call. Raises `InvalidRequestError`, `TemplateError`."""
    sampling = Sampling(
        max_new_tokens=0,
        temperature=_openai_temperature(request.temperature),
        top_p=_openai_top_p(request.top_p, limits),
        frequency_penalty=_frequency_penalty(request.frequency_penalty),
        presence_penalty=request.presence_penalty,
        seed=request.seed,
        top_n_tokens=_top_n_tokens(request.top_logprobs, limits),
        grammar=tools.grammar() if tools else _chat_grammar(request, limits),
    )
    stop = request.stop or ()
    _check_lengths(request.max_tokens, stop, limits)
    if not request.messages:
        raise InvalidRequestError("`inputs` cannot be empty")
    messages = [_text_only(message) for message in request.messages]
    prompt = engine.prepare_chat(tools.prompted(messages) if tools else messages)
    return _sized(Job(prompt, sampling, stop), request.max_tokens, limits)


def completion_jobs(engine: Engine, limits: Limits, request: schemas.CompletionRequest) -> list[Job]:
    """One job per prompt. Raises `InvalidRequestError`."""
    max_tokens = 100 if request.max_tokens is None else request.max_tokens  # TGI's default for completions
    sampling = Sampling(
        max_new_tokens=0,
        temperature=_openai_temperature(request.temperature),
        top_p=_openai_top_p(request.top_p, limits),
        repetition_penalty=_repetition_penalty(request.repetition_penalty),
        frequency_penalty=_frequency_penalty(request.frequency_penalty),
        presence_penalty=request.presence_penalty if limits.engine is ServingEngine.VLLM else None,
        seed=request.seed,
        top_n_tokens=_top_n_tokens(request.logprobs, limits),
    )
    stop = request.stop or ()
    _check_lengths(max_tokens, stop, limits)
    if not all(request.prompts):
        raise InvalidRequestError("`inputs` cannot be empty")
    prompts = [engine.prepare_text(text) for text in request.prompts]
    return [_sized(Job(prompt, sampling, stop), max_tokens, limits) for prompt in prompts]


def _refuse_unsupported(parameters: schemas.GenerateParameters, limits: Limits) -> None:
    best_of = parameters.best_of or 1
    if best_of > limits.max_best_of:
        raise InvalidRequestError(f"`best_of` must be > 0 and <= {limits.max_best_of}. Given: {best_of}")
    asked_for = {
        "best_of": best_of > 1,
        "typical_p": parameters.typical_p is not None,
        "watermark": parameters.watermark,
        "decoder_input_details": parameters.decoder_input_details,
    }
    for name, asked in asked_for.items():
        if asked:
            raise InvalidRequestError(f"`{name}` {UNSUPPORTED}")


def _generate_temperature(parameters: schemas.GenerateParameters) -> float:
    """Greedy unless something asks for sampling."""
    if parameters.temperature is not None and parameters.temperature <= 0:
        raise InvalidRequestError("`temperature` must be strictly positive")
    choices = (parameters.temperature, parameters.top_k, parameters.top_p)
    if not parameters.do_sample and all(choice is None for choice in choices):
        return GREEDY
    return 1.0 if parameters.temperature is None else parameters.temperature


def _openai_temperature(temperature: float | None) -> float:
    if temperature is None:
        return 1.0
    if temperature < 0:
        raise InvalidRequestError("`temperature` must be strictly positive")
    return temperature


def _openai_top_p(value: float | None, limits: Limits) -> float | None:
    """OpenAI's clients often send the neutral 1.0: vLLM takes it, TGI does not."""
    return None if value == 1.0 and limits.engine is ServingEngine.VLLM else _share("top_p", value)


def _share(name: str, value: float | None) -> float | None:
    if value is not None and not 0.0 < value < 1.0:
        raise InvalidRequestError(f"`{name}` must be > 0.0 and < 1.0")
    return value


def _top_k(value: int | None) -> int | None:
    if value is not None and value <= 0:
        raise InvalidRequestError("`top_k` must be strictly positive")
    return value


def _repetition_penalty(value: float | None) -> float | None:
    if value is not None and value <= 0:
        raise InvalidRequestError("`repetition_penalty` must be strictly positive")
    return value


def _frequency_penalty(value: float | None) -> float | None:
    if value is not None and not -2.0 <= value <= 2.0:
        raise InvalidRequestError("`frequency_penalty` must be >= -2.0 and <= 2.0")
    return value


def _top_n_tokens(value: int | None, limits: Limits) -> int:
    if value is not None and value > limits.max_top_n_tokens:
        raise InvalidRequestError(
            f"`top_n_tokens` must be >= 0 and <= {limits.max_top_n_tokens}. Given: {value}"
        )
    return value or 0


def _check_lengths(max_new_tokens: int | None, stop: tuple[str, ...], limits: Limits) -> None:
    if max_new_tokens == 0:
        raise InvalidRequestError("`max_new_tokens` must be strictly positive")
    if len(stop) > limits.max_stop_sequences:
        raise InvalidRequestError(
            f"`stop` supports up to {limits.max_stop_sequences} stop sequences. Given: {len(stop)}"
        )


def _truncated(engine: Engine, prompt: Prompt, truncate: int | None, limits: Limits) -> Prompt:
    if truncate is None:
        return prompt
    if truncate == 0 or truncate > limits.max_input_tokens:
        raise InvalidRequestError(
            f"`truncate` must be strictly positive and less than {limits.max_input_tokens}. Given: {truncate}"
        )
    return prompt if prompt.tokens <= truncate else engine.truncate(prompt, truncate)


def _sized(job: Job, max_new_tokens: int | None, limits: Limits) -> Job:
    """The job with its answer's length; TGI checks the sum before the prompt."""
    tokens, total = job.prompt.tokens, limits.max_total_tokens
    new_tokens = max(total - tokens, 0) if max_new_tokens is None else max_new_tokens
    if tokens + new_tokens > total:
        raise InvalidRequestError(
            f"`inputs` tokens + `max_new_tokens` must be <= {total}. "
            f"Given: {tokens} `inputs` tokens and {new_tokens} `max_new_tokens`"
        )
    if tokens > limits.max_input_tokens:
        raise InvalidRequestError(
            f"`inputs` must have less than {limits.max_input_tokens} tokens. Given: {tokens}"
        )
    return replace(job, sampling=replace(job.sampling, max_new_tokens=max(new_tokens, 1)))


def _chat_grammar(request: schemas.ChatRequest, limits: Limits) -> Grammar | None:
    outputs = request.structured_outputs
    if outputs is not None and outputs.regex is not None and limits.engine is ServingEngine.VLLM:
        return Grammar("regex", outputs.regex)
    return _grammar(request.response_format, limits)


def _grammar(grammar: schemas.Grammar | None, limits: Limits) -> Grammar | None:
    if grammar is None:
        return None
    if grammar.value is None and limits.engine is ServingEngine.TGI:
        raise UndecodableError(422, f"response_format of type {grammar.type!r} without `value`")
    if grammar.type == "regex":
        return Grammar("regex", str(grammar.value))
    return Grammar("json_schema", _schema(grammar))


def _schema(grammar: schemas.Grammar) -> str:
    """TGI puts a schema, or for `json_schema` a named one, under `value`; OpenAI under `json_schema`."""
    document: Any = grammar.json_schema if grammar.value is None else grammar.value
    if isinstance(document, str):
        document = _parsed(document)
    if document is None:
        document = {"type": "object"}  # OpenAI's `json_object`: any object
    if grammar.type == "json_schema":
        document = document.get("schema", document)
    if grammar.value is not None and "properties" not in document:
        raise InvalidRequestError("grammar is not valid: Grammar must have a 'properties' field")
    # As TGI's outlines has it: what has properties is an object.
    return json.dumps({"type": "object", **document} if "properties" in document else document)


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidRequestError(f"grammar is not valid: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRequestError("grammar is not supported")
    return document


def _text_only(message: schemas.Message) -> ChatMessage:
    content = message.content or ""
    if message.tool_calls and not content:
        content = json.dumps([call.get("function", call) for call in message.tool_calls])
    if isinstance(content, list):
        if any(isinstance(chunk, schemas.ImageChunk) for chunk in content):
            raise InvalidRequestError("image_url modality is not supported")
        content = "".join(chunk.text for chunk in content if isinstance(chunk, schemas.TextChunk))
    return {"role": message.role, "content": content}
