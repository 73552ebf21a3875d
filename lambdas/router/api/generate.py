"""TGI's own schema (`inputs`, `parameters`): check the request, render it, read the answer.

It passes through unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.answers import Answer, bad_answer, count, parse_answer
from lambdas.router.api.context import Prompt, measure
from lambdas.router.api.generate_reader import GenerateReader
from lambdas.router.api.unsupported import keep_able
from lambdas.router.choosing.choice import Choice, choose_candidate
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import flag, obj, whole_number, without_nulls
from lambdas.router.messages import JSON_TYPE
from lambdas.router.route_table import Candidate, Engine, RouteTable
from lambdas.router.strict_json import dumps

# The caller's `messages` or `model` would have no meaning here; TGI ignores both.
_READ = frozenset(("inputs", "parameters", "model", "messages", "stream"))


class GenerateRequest(NamedTuple):
    """A valid request in TGI's schema."""

    choice: Choice
    size: Prompt
    inputs: str
    parameters: Mapping[str, Any]
    max_tokens: int
    stream: bool
    fields: Mapping[str, Any]

    @property
    def prompt_chars(self) -> int:
        """How long the prompt is, in characters."""
        return self.size.chars

    @property
    def most_output_tokens(self) -> int:
        """How many tokens the answer has at most, all its choices together."""
        return self.max_tokens

    def payload(self, candidate: Candidate) -> bytes:
        """The body for `candidate`'s container."""
        max_new_tokens = min(self.max_tokens, candidate.max_total_tokens - 1)  # at least one token of input
        parameters = {**self.parameters, "max_new_tokens": max_new_tokens}
        body = {**self.fields, "inputs": self.inputs, "parameters": parameters}
        return dumps({**body, "stream": True} if self.stream else body).encode()

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:  # noqa: ARG002 - ModelRequest
        """Check the container's answer. Raises `UpstreamError` unless it is a complete answer."""
        return _read_generation(raw)

    def reader(self, candidate: Candidate, request_id: str) -> GenerateReader:  # noqa: ARG002 - ModelRequest
        """Reads the container's streamed answer."""
        return GenerateReader()

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate cannot answer this, None where it can."""
        if candidate.engine is not Engine.TGI:
            message = "is served by vLLM, which does not know TGI's schema; use POST /v1/chat/completions."
            return bad_request(f"{self.choice.route.use_case} {message}", code="unsupported_schema")
        if self.parameters.get("truncate") is not None:
            return None  # TGI cuts the prompt to that length
        return self.size.refusal(candidate, "inputs")


def parse_generate(
    table: RouteTable, use_case: str, role: str | None, body: Mapping[str, Any]
) -> GenerateRequest:
    """Check a request in TGI's schema.

    Raises `ApiError` (400, or 404 for an unknown use case or candidate).
    """
    parameters, inputs = obj(body, "parameters") or {}, _inputs(body)
    choice = choose_candidate(table, use_case, role)
    request = GenerateRequest(
        choice=choice,
        size=measure((inputs,), choice.candidates),
        inputs=inputs,
        parameters=without_nulls(parameters, ()),
        max_tokens=_max_new_tokens(parameters, choice.route.limits.max_output_tokens),
        stream=flag(body, "stream"),
        fields=without_nulls(body, _READ),
    )
    able = keep_able(choice, request.refusal)
    return request if able is choice else request._replace(choice=able)


def _inputs(body: Mapping[str, Any]) -> str:
    inputs = body.get("inputs")
    if isinstance(inputs, str) and inputs:
        return inputs
    raise bad_request("inputs must be a text that is not empty.", param="inputs")


def _max_new_tokens(parameters: Mapping[str, Any], most: int) -> int:
    given = whole_number(parameters, "max_new_tokens", at="parameters.", least=1, most=most)
    return most if given is None else given


def _read_generation(raw: bytes) -> Answer:
    document = parse_answer(raw)
    generation = document[0] if isinstance(document, list) and document else document
    if not isinstance(generation, dict) or not isinstance(generation.get("generated_text"), str):
        raise bad_answer("the answer is no generation: it has no generated_text")
    return Answer(raw, JSON_TYPE, completion_tokens=_generated_tokens(generation))


def _generated_tokens(generation: Mapping[str, Any]) -> int | None:
    details = generation.get("details")
    return count(details, "generated_tokens") if isinstance(details, dict) else None
