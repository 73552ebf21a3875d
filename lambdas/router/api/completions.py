"""OpenAI's text completions (`prompt` in, `text` out): check the request, render it, read the answer.

TGI 3.3 (router/src/lib.rs, `CompletionRequest`) takes one prompt or a few, and neither log probabilities nor a
format; vLLM 0.29 (vllm/entrypoints/openai/completion/protocol.py) takes both, and any number of prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.answers import Answer
from lambdas.router.api import response_format
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.completion_answer import read_text_completion
from lambdas.router.api.completion_reader import CompletionReader
from lambdas.router.api.context import Prompt, measure
from lambdas.router.api.response_format import ResponseFormat, parse_response_format
from lambdas.router.api.sampling import Sampling, own_fields, parse_sampling
from lambdas.router.api.unsupported import keep_able, unsupported
from lambdas.router.choosing.choice import Choice, choose
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import model_of, whole_number
from lambdas.router.route_table import Candidate, Engine, RouteTable
from lambdas.router.strict_json import dumps

_OWN = own_fields("prompt", "echo", "suffix", "best_of", response_format.FIELD)
_MAX_LOGPROBS = 5  # OpenAI's own limit
_TGI_PROMPTS = 4  # its MAX_CLIENT_BATCH_SIZE
# Members of the other two schemas: the engines tell the three apart by them.
_OTHER_SCHEMAS = {"inputs": "/use-cases/{use_case}/invoke", "messages": "/v1/chat/completions"}
_NOT_HERE = {
    "echo": "the answer is the completion alone",
    "suffix": "neither engine completes the middle of a text",
    "best_of": "the engines give every completion they make",
}


class CompletionRequest(NamedTuple):
    """A valid request. Each of the `prompts` gets `sampling.completions` answers; `size` is the longest one's."""

    model: str
    choice: Choice
    size: Prompt
    prompts: list[str]
    sampling: Sampling
    format: ResponseFormat | None = None

    @property
    def stream(self) -> bool:
        return self.sampling.stream

    @property
    def prompt_chars(self) -> int:
        """How long the prompts are, in characters, all together."""
        return sum(map(len, self.prompts))

    @property
    def most_output_tokens(self) -> int:
        """How many tokens the answer has at most, all its choices together."""
        return self.sampling.max_tokens * self.sampling.completions * len(self.prompts)

    def payload(self, candidate: Candidate) -> bytes:
        """The body for `candidate`'s container."""
        body = self.sampling.rendered(candidate)
        body["prompt"] = self.prompts[0] if len(self.prompts) == 1 else self.prompts
        if self.format is not None:
            body |= self.format.rendered(candidate)
        if self.stream and candidate.engine is Engine.VLLM:  # TGI gives it unasked
            body["stream_options"] = {"include_usage": True}
        return dumps(body).encode()

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:
        """Check and render the container's answer. Raises `UpstreamError` unless it is a complete answer."""
        return read_text_completion(raw, self._form(candidate, request_id))

    def reader(self, candidate: Candidate, request_id: str) -> CompletionReader:
        """Reads the container's streamed answer."""
        return CompletionReader(self._form(candidate, request_id))

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate cannot answer this, None where it can."""
        return (
            self.size.refusal(candidate, "prompt")
            or self.sampling.refusal(candidate)
            or self._refused_by_tgi(candidate)
        )

    def _refused_by_tgi(self, candidate: Candidate) -> ApiError | None:
        if candidate.engine is not Engine.TGI:
            return None
        if len(self.prompts) > _TGI_PROMPTS:
            return unsupported(candidate, "prompt", f"takes at most {_TGI_PROMPTS} in one request")
        if self.sampling.fields.get("logprobs") is not None:
            return unsupported(candidate, "logprobs", "gives them for chat completions alone")
        if self.format is not None:
            return unsupported(candidate, response_format.FIELD, "takes it for chat completions alone")
        return None

    def _form(self, candidate: Candidate, request_id: str) -> AnswerForm:
        return AnswerForm(
            name=self.model,
            request_id=request_id,
            engine=candidate.engine,
            answers=len(self.prompts) * self.sampling.completions,
            include_usage=self.sampling.include_usage,
            stop=tuple(self.sampling.stop),
        )


def parse_completion(table: RouteTable, body: Mapping[str, Any]) -> CompletionRequest:
    """Check a completion request. Raises `ApiError` (400, or 404 for an unknown `model`)."""
    model = model_of(body)
    _check_own(body)
    prompts = _prompts(body.get("prompt"))  # before the model is looked for, as in chat
    choice = choose(table, model)
    limits = choice.route.limits
    if len(prompts) > limits.max_messages:
        message = f"prompt has {len(prompts)} entries; at most {limits.max_messages} are taken."
        raise bad_request(message, param="prompt")
    request = CompletionRequest(
        model=model,
        choice=choice,
        # The engines hold each prompt to the context by itself.
        size=max((measure((prompt,), choice.candidates) for prompt in prompts), key=lambda size: size.chars),
        prompts=prompts,
        sampling=parse_sampling(body, limits, _OWN),
        format=parse_response_format(body),
    )
    able = keep_able(choice, request.refusal)
    return request if able is choice else request._replace(choice=able)


def _check_own(body: Mapping[str, Any]) -> None:
    for name, path in _OTHER_SCHEMAS.items():
        if name in body:
            raise bad_request(f"{name} belongs to {path}; here it is prompt.", param=name)
    for name, reason in _NOT_HERE.items():
        value = body.get(name)
        if value and (name != "best_of" or value != 1):
            raise bad_request(f"{name} is not possible: {reason}.", param=name, code="unsupported_parameter")
    whole_number(body, "logprobs", least=0, most=_MAX_LOGPROBS)


def _prompts(given: object) -> list[str]:
    prompts = [given] if isinstance(given, str) else given
    if not isinstance(prompts, list) or not prompts:
        raise bad_request("prompt must be a text, or a list of texts.", param="prompt")
    if any(isinstance(prompt, int | list) for prompt in prompts):
        raise bad_request(
            "prompt must be text: token ids are those of one model, and candidates differ.", param="prompt"
        )
    if not all(isinstance(prompt, str) and prompt for prompt in prompts):
        raise bad_request("prompt must be a text that is not empty, or a list of such.", param="prompt")
    return prompts
