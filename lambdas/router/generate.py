"""TGI's own schema (`inputs`, `parameters`): check the request, render it, read the answer.

It passes through unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.router.answers import Answer, bad_answer, count, parse_answer
from lambdas.router.choice import Choice, choose_candidate
from lambdas.router.errors import bad_request
from lambdas.router.fields import flag, whole_number, without_nulls
from lambdas.router.generate_reader import GenerateReader
from lambdas.router.messages import EVENT_STREAM_TYPE, JSON_TYPE
from lambdas.router.route_table import Candidate, Engine, RouteTable
from lambdas.router.sse import SseDecoder, encode_event, event_document

# The caller's `messages` or `model` would have no meaning here; TGI ignores both.
_NOT_SENT_ON = ("inputs", "parameters", "model", "messages")


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A valid request in TGI's schema."""

    choice: Choice
    inputs: str
    parameters: Mapping[str, Any]
    max_tokens: int
    stream: bool
    fields: Mapping[str, Any]

    def payload(self, candidate: Candidate) -> bytes:
        """The body for `candidate`'s container."""
        max_new_tokens = min(self.max_tokens, candidate.max_total_tokens - 1)  # at least one token of input
        parameters = {**self.parameters, "max_new_tokens": max_new_tokens}
        return json.dumps({**self.fields, "inputs": self.inputs, "parameters": parameters}).encode()

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:  # noqa: ARG002 - ModelRequest
        """Check the container's answer. Raises `UpstreamError` unless it is a complete answer."""
        return _read_stream(raw) if self.stream else _read_generation(raw)

    def reader(self, candidate: Candidate, request_id: str) -> GenerateReader:  # noqa: ARG002 - ModelRequest
        """Reads the container's streamed answer."""
        return GenerateReader()

    @property
    def prompt_chars(self) -> int:
        """How long the prompt is, in characters."""
        return len(self.inputs)


def parse_generate(
    table: RouteTable, use_case: str, role: str | None, body: Mapping[str, Any]
) -> GenerateRequest:
    """Check a request in TGI's schema.

    Raises `ApiError` (400, or 404 for an unknown use case or candidate).
    """
    choice = _served_by_tgi(choose_candidate(table, use_case, role))
    parameters = _parameters(body)
    return GenerateRequest(
        choice=choice,
        inputs=_inputs(body),
        parameters=without_nulls(parameters),
        max_tokens=_max_new_tokens(parameters, choice.route.limits.max_output_tokens),
        stream=flag(body, "stream"),
        fields=without_nulls(body, *_NOT_SENT_ON),
    )


def _served_by_tgi(choice: Choice) -> Choice:
    candidates = tuple(candidate for candidate in choice.candidates if candidate.engine is Engine.TGI)
    if candidates:
        return Choice(choice.route, candidates)
    message = "is served by vLLM, which does not know TGI's schema; use POST /v1/chat/completions."
    raise bad_request(f"{choice.route.use_case} {message}", code="unsupported_schema")


def _inputs(body: Mapping[str, Any]) -> str:
    inputs = body.get("inputs")
    if isinstance(inputs, str) and inputs:
        return inputs
    raise bad_request("inputs must be a text that is not empty.", param="inputs")


def _parameters(body: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = body.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise bad_request("parameters must be an object.", param="parameters")
    return parameters


def _max_new_tokens(parameters: Mapping[str, Any], most: int) -> int:
    given = whole_number(parameters, "max_new_tokens", at="parameters.", least=1, most=most)
    return most if given is None else given


def _read_generation(raw: bytes) -> Answer:
    document = parse_answer(raw)
    generation = document[0] if isinstance(document, list) and document else document
    if not isinstance(generation, dict) or not isinstance(generation.get("generated_text"), str):
        raise bad_answer("the answer is no generation: it has no generated_text")
    return Answer(raw, JSON_TYPE, completion_tokens=_generated_tokens(generation))


def _read_stream(raw: bytes) -> Answer:
    """TGI has no end marker here: the last event is the one with `generated_text`."""
    events: list[bytes] = []
    for data in SseDecoder().feed(raw):
        document = event_document(data)
        events.append(encode_event(json.dumps(document)))
        if isinstance(document.get("generated_text"), str):
            return Answer(b"".join(events), EVENT_STREAM_TYPE, completion_tokens=_generated_tokens(document))
    raise bad_answer("the stream ended without generated_text")


def _generated_tokens(generation: Mapping[str, Any]) -> int | None:
    details = generation.get("details")
    return count(details, "generated_tokens") if isinstance(details, dict) else None
