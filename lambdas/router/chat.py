"""OpenAI's chat completions: check the request, render it for an engine, read the engine's answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.router.answers import Answer
from lambdas.router.chat_answer import read_completion, read_stream
from lambdas.router.chat_reader import ChatReader
from lambdas.router.choice import Choice, choose
from lambdas.router.errors import bad_request
from lambdas.router.fields import check_number, flag, whole_number, without_nulls
from lambdas.router.route_table import Candidate, Engine, RouteTable

# Fields that are not sent on as they came. TGI would take `model` for the name of a LoRA adapter, and it
# knows only `max_tokens`, which every engine takes.
_NOT_SENT_ON = ("model", "max_tokens", "max_completion_tokens", "messages", "n")
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
_MAX_COMPLETIONS = 128  # OpenAI's own limit; each may cost the use case's whole `max_output_tokens`
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A valid request. `fields` are the caller's own for the engine, known to the router or not."""

    choice: Choice
    messages: list[dict[str, Any]]
    max_tokens: int
    completions: int
    stream: bool
    fields: Mapping[str, Any]

    def payload(self, candidate: Candidate) -> bytes:
        """The body for `candidate`'s container."""
        body = {**self.fields, "messages": self.messages, "max_tokens": self._fitting(candidate)}
        if self.completions > 1:
            body["n"] = self.completions
        if candidate.engine is Engine.TGI and body.get("top_p") == 1:
            del body["top_p"]  # it means "off", OpenAI's default; TGI refuses it
        return json.dumps(body).encode()

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:
        """Check and render the container's answer. Raises `UpstreamError` unless it is a complete answer."""
        read = read_stream if self.stream else read_completion
        return read(raw, model_id=candidate.model_id, request_id=request_id)

    def reader(self, candidate: Candidate, request_id: str) -> ChatReader:
        """Reads the container's streamed answer."""
        return ChatReader(model_id=candidate.model_id, request_id=request_id)

    @property
    def prompt_chars(self) -> int:
        """About how long the prompt is, in characters."""
        return sum(len(str(message.get("content"))) for message in self.messages)

    def _fitting(self, candidate: Candidate) -> int:
        return min(self.max_tokens, candidate.max_total_tokens - 1)  # at least one token of input


def parse_chat(table: RouteTable, body: Mapping[str, Any]) -> ChatRequest:
    """Check a chat request. Raises `ApiError` (400, or 404 for an unknown `model`)."""
    choice = choose(table, _model(body))
    limits = choice.route.limits
    _check_sampling(body)
    return ChatRequest(
        choice=choice,
        messages=_messages(body, limits.max_messages),
        max_tokens=_max_tokens(body, limits.max_output_tokens),
        completions=_completions(body, choice),
        stream=flag(body, "stream"),
        fields=without_nulls(body, *_NOT_SENT_ON),
    )


def _model(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if isinstance(model, str) and model:
        return model
    message = "model must name a use case (query-enhancement) or a candidate (query-enhancement:alternative)."
    raise bad_request(message, param="model", code="missing_model")


def _messages(body: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages must be a list with at least one message.", param="messages")
    if len(messages) > most:
        raise bad_request(
            f"messages has {len(messages)} entries; at most {most} are taken.", param="messages"
        )
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: object, at: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise bad_request(f"{at} must be an object with role and content.", param=at)
    role = message.get("role")
    if role not in _ROLES:
        raise bad_request(f"{at}.role must be one of {', '.join(_ROLES)}.", param=f"{at}.role")
    content = message.get("content")
    if not isinstance(content, str | list) and not (content is None and role == "assistant"):
        raise bad_request(f"{at}.content must be text or a list of parts.", param=f"{at}.content")
    # Chat templates of open models know "system" only; "developer" is OpenAI's newer name for it.
    return {**message, "role": "system"} if role == "developer" else message


def _max_tokens(body: Mapping[str, Any], most: int) -> int:
    old = whole_number(body, "max_tokens", least=1, most=most)
    new = whole_number(body, "max_completion_tokens", least=1, most=most)
    if old is not None and new is not None and old != new:
        raise bad_request(
            "max_tokens and max_completion_tokens differ; give one.", param="max_completion_tokens"
        )
    given = new if old is None else old
    return most if given is None else given


def _completions(body: Mapping[str, Any], choice: Choice) -> int:
    completions = whole_number(body, "n", least=1, most=_MAX_COMPLETIONS) or 1
    if completions > 1 and any(candidate.engine is Engine.TGI for candidate in choice.candidates):
        raise bad_request("n must be 1: the engine TGI gives one completion per request.", param="n")
    return completions


def _check_sampling(body: Mapping[str, Any]) -> None:
    for name, (least, most) in _RANGES.items():
        check_number(body, name, least=least, most=most)
    if "inputs" in body:  # TGI would take the body for its own schema and answer in another shape
        raise bad_request(
            "inputs belongs to /use-cases/{use_case}/invoke; here it is messages.", param="inputs"
        )
