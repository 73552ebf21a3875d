"""OpenAI's chat completions: check the request, render it for an engine, read the engine's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.answers import Answer
from lambdas.router.api import response_format, tools
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_answer import read_completion
from lambdas.router.api.chat_reader import ChatReader
from lambdas.router.api.context import Prompt, measure
from lambdas.router.api.conversation import (
    Message,
    given_messages,
    parse_messages,
    rendered_messages,
    texts_of,
)
from lambdas.router.api.response_format import ResponseFormat, parse_response_format
from lambdas.router.api.sampling import Sampling, own_fields, parse_sampling
from lambdas.router.api.tools import NO_TOOLS, Tools, parse_tools
from lambdas.router.api.unsupported import keep_able, unsupported
from lambdas.router.choosing.choice import Choice, choose
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import flag, items, model_of, whole_number
from lambdas.router.route_table import Candidate, Engine, RouteTable
from lambdas.router.strict_json import dumps

_OWN = own_fields("messages", "modalities", response_format.FIELD, *tools.FIELDS)
_MAX_TOP_LOGPROBS = 20  # OpenAI's own limit, and vLLM's
_TGI_TOP_LOGPROBS = 5  # its MAX_TOP_N_TOKENS
_NOT_HERE = {
    "audio": "the models here give text alone",
    "web_search_options": "nothing here searches the web",
}
_CHECKED = frozenset(("inputs", *_NOT_HERE, "modalities", "logprobs", "top_logprobs"))


class ChatRequest(NamedTuple):
    """A valid request."""

    model: str
    choice: Choice
    prompt: Prompt
    messages: list[Message]
    sampling: Sampling
    stream: bool
    tools: Tools = NO_TOOLS
    format: ResponseFormat | None = None

    @property
    def prompt_chars(self) -> int:
        """How long the prompt is, in characters, its tools included."""
        return self.prompt.chars + self.tools.chars

    @property
    def most_output_tokens(self) -> int:
        """How many tokens the answer has at most, all its choices together."""
        return self.sampling.max_tokens * self.sampling.completions

    def payload(self, candidate: Candidate) -> bytes:
        """The body for `candidate`'s container."""
        body = self.sampling.rendered(candidate)
        body["messages"] = rendered_messages(self.messages, candidate)
        if self.tools.tools:
            body |= self.tools.rendered(candidate)
        if self.format is not None:
            body |= self.format.rendered(candidate)
        if self.stream:
            body["stream_options"] = {"include_usage": True}  # for the log and the limits
        return dumps(body).encode()

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:
        """Check and render the container's answer. Raises `UpstreamError` unless it is a complete answer."""
        return read_completion(raw, self._form(candidate, request_id))

    def reader(self, candidate: Candidate, request_id: str) -> ChatReader:
        """Reads the container's streamed answer."""
        return ChatReader(self._form(candidate, request_id))

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate cannot answer this, None where it can."""
        return (
            (self.prompt.refusal(candidate, "messages") if self.prompt.least_tokens else None)
            or self.sampling.refusal(candidate)
            or (self.tools.refusal(candidate) if self.tools.tools else None)
            or (self.format.refusal(candidate) if self.format else None)
            or (self._refused_by_tgi(candidate) if candidate.engine is Engine.TGI else None)
        )

    def _refused_by_tgi(self, candidate: Candidate) -> ApiError | None:
        if self.format is not None and self.tools.callable:
            return unsupported(candidate, response_format.FIELD, "cannot combine it with tools")
        if (self.sampling.fields.get("top_logprobs") or 0) > _TGI_TOP_LOGPROBS:
            return unsupported(candidate, "top_logprobs", f"gives at most {_TGI_TOP_LOGPROBS}")
        return None

    def _form(self, candidate: Candidate, request_id: str) -> AnswerForm:
        return AnswerForm(
            name=self.model,
            request_id=request_id,
            engine=candidate.engine,
            answers=self.sampling.completions,
            include_usage=self.sampling.include_usage,
            stop=tuple(self.sampling.stop),
            tools=self.tools.callable,
            must_call=self.tools.must_be_called,
            json=self.format is not None and self.format.is_json,
        )


def parse_chat(table: RouteTable, body: Mapping[str, Any]) -> ChatRequest:
    """Check a chat request. Raises `ApiError` (400, or 404 for an unknown `model`)."""
    model = model_of(body)
    _check_own(body)
    given = given_messages(body)  # before the model is looked for, as API Gateway does: 400, not 404
    choice = choose(table, model)
    limits = choice.route.limits
    messages = parse_messages(given, limits.max_messages)
    sampling = parse_sampling(body, limits, _OWN)
    request = ChatRequest(
        model=model,
        choice=choice,
        prompt=measure(texts_of(messages), choice.candidates),
        messages=messages,
        sampling=sampling,
        stream=sampling.stream,
        tools=parse_tools(body),
        format=parse_response_format(body),
    )
    able = keep_able(choice, request.refusal)
    return request if able is choice else request._replace(choice=able)


def _check_own(body: Mapping[str, Any]) -> None:
    if _CHECKED.isdisjoint(body):
        return
    if "inputs" in body:  # TGI would take the body for its own schema and answer in another shape
        raise bad_request(
            "inputs belongs to /use-cases/{use_case}/invoke; here it is messages.", param="inputs"
        )
    for name, reason in _NOT_HERE.items():
        if body.get(name) is not None:
            raise bad_request(f"{name} is not possible: {reason}.", param=name, code="unsupported_parameter")
    if any(modality != "text" for modality in items(body, "modalities") or ()):
        message = "modalities may hold text alone: the models here give no other."
        raise bad_request(message, param="modalities", code="unsupported_parameter")
    top = whole_number(body, "top_logprobs", least=0, most=_MAX_TOP_LOGPROBS)
    if not flag(body, "logprobs") and top:
        raise bad_request("top_logprobs needs logprobs to be true.", param="top_logprobs")
