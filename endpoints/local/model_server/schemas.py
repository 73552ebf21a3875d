"""The three kinds of request that `/invocations` takes, and how they are told apart.

Source: text-generation-inference 3.3, router/src/lib.rs and router/src/sagemaker.rs (`#[serde(untagged)]`: the first
kind that fits wins). Like serde, unknown fields are passed over and types are not converted.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from endpoints.local.model_server.errors import UndecodableError

Unsigned = Annotated[int, Field(ge=0)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Grammar(_Request):
    """What the answer must match. TGI reads `value`; vLLM reads `json_schema`, as OpenAI writes it."""

    type: Literal["json", "json_object", "json_schema", "regex"]
    value: dict[str, Any] | str | None = None
    json_schema: dict[str, Any] | None = None


class StructuredOutputs(_Request):
    """vLLM's own name for what the answer must match."""

    regex: str | None = None


class GenerateParameters(_Request):
    """`parameters` of a generate request."""

    best_of: Unsigned | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    do_sample: bool = False
    max_new_tokens: Unsigned | None = None
    return_full_text: bool | None = None
    stop: tuple[str, ...] = ()
    truncate: Unsigned | None = None
    watermark: bool = False
    details: bool = False
    decoder_input_details: bool = False
    seed: Unsigned | None = None
    top_n_tokens: Unsigned | None = None
    grammar: Grammar | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _list_as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class GenerateRequest(_Request):
    """TGI's own schema."""

    inputs: str
    parameters: GenerateParameters = GenerateParameters()
    stream: bool = False


class TextChunk(_Request):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class ImageChunk(_Request):
    """A picture; told apart from nonsense, so that the refusal can say what is wrong."""

    type: Literal["image_url"]
    image_url: dict[str, Any]


class Message(_Request):
    """One message of a conversation."""

    role: str
    content: str | list[TextChunk | ImageChunk] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Function(_Request):
    """A function that the model may call; `parameters` is a JSON schema, which TGI demands."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Request):
    """A tool: there are only functions."""

    type: str
    function: Function


class StreamOptions(_Request):
    """`include_usage` asks for one more chunk with the token counts."""

    include_usage: bool = False


class _OpenAiRequest(_Request):
    model: str | None = None
    frequency_penalty: float | None = None
    max_tokens: Unsigned | None = None
    seed: Unsigned | None = None
    stop: tuple[str, ...] | None = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    n: Unsigned | None = None  # TGI passes over it
    stream_options: StreamOptions | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _list_as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class ChatRequest(_OpenAiRequest):
    """OpenAI's chat schema, as far as TGI knows it."""

    messages: list[Message]
    logprobs: bool | None = None
    top_logprobs: Unsigned | None = None
    presence_penalty: float | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: Grammar | None = None
    structured_outputs: StructuredOutputs | None = None


class CompletionRequest(_OpenAiRequest):
    """OpenAI's legacy completion schema, as far as TGI knows it."""

    prompt: str | list[str]
    repetition_penalty: float | None = None
    suffix: str | None = None
    logprobs: Unsigned | None = None
    presence_penalty: float | None = None

    @property
    def prompts(self) -> list[str]:
        """The prompts; one request may hold several."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


Invocation = GenerateRequest | ChatRequest | CompletionRequest
KINDS: Final[tuple[type[Invocation], ...]] = (GenerateRequest, ChatRequest, CompletionRequest)


def parse_invocation(body: bytes) -> Invocation:
    """The request in a body. Raises `UndecodableError` (400 not JSON, 422 none of the three kinds)."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise UndecodableError(400, f"Failed to parse the request body as JSON: {error}") from None
    for kind in KINDS:
        try:
            return kind.model_validate(document)
        except ValidationError:
            continue
    raise UndecodableError(422, _no_match(document))


def _no_match(document: object) -> str:
    """TGI says only the first sentence; which field is wrong is our addition."""
    message = (
        "Failed to deserialize the JSON body into the target type: data did not match any variant of untagged "
        "enum SagemakerRequest"
    )
    return f"{message} ({detail})" if (detail := _closest_fault(document)) else message


def _closest_fault(document: object) -> str | None:
    if not isinstance(document, dict):
        return None
    for kind, field in zip(KINDS, ("inputs", "messages", "prompt"), strict=True):
        if field in document:
            return _first_fault(kind, document)
    return "none of `inputs`, `messages` and `prompt` is there"


def _first_fault(kind: type[Invocation], document: dict[str, Any]) -> str | None:
    try:
        kind.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
    return None
