"""The seam between the container's protocol and whatever generates the tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypedDict


class ChatMessage(TypedDict):
    """One message of a conversation, text only."""

    role: str
    content: str


class FinishReason(StrEnum):
    """Why an answer ended, in TGI's words."""

    LENGTH = "length"
    END_OF_SEQUENCE = "eos_token"
    STOP_SEQUENCE = "stop_sequence"


@dataclass(frozen=True)
class Grammar:
    """What the answer must match."""

    kind: str  # "json_schema" or "regex"
    text: str


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens. A temperature of 0 is greedy."""

    max_new_tokens: int
    temperature: float
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    top_n_tokens: int = 0
    grammar: Grammar | None = None


@dataclass(frozen=True)
class Prompt:
    """A prompt that an engine has prepared, and its length."""

    content: str | tuple[ChatMessage, ...]
    tokens: int


@dataclass(frozen=True)
class TopToken:
    """A token that could have been chosen."""

    text: str
    id: int
    logprob: float


@dataclass(frozen=True)
class Token:
    """A generated token. `id` and `logprob` are 0 where the engine does not know them."""

    text: str
    id: int = 0
    logprob: float = 0.0
    special: bool = False
    top: tuple[TopToken, ...] = ()


@dataclass(frozen=True)
class Finish:
    """How an answer ended."""

    reason: FinishReason
    generated_tokens: int  # the end-of-sequence token included


@dataclass(frozen=True)
class Step:
    """A token, and with the last one the answer's end. The end-of-sequence token is a special one."""

    token: Token
    finish: Finish | None = None


class Engine(Protocol):
    """A model. `load` blocks; the rest is called from the event loop."""

    model_name: str
    window: int  # tokens of prompt and answer together that the model can hold

    def load(self) -> None:
        """Make the model ready. Raises `LocalError` when that is impossible."""

    async def is_healthy(self) -> bool:
        """Whether the model could answer now."""

    def prepare_text(self, text: str) -> Prompt:
        """A prompt of plain text."""

    def prepare_chat(self, messages: Sequence[ChatMessage]) -> Prompt:
        """A prompt of a conversation. Raises `TemplateError`."""

    def truncate(self, prompt: Prompt, tokens: int) -> Prompt:
        """The prompt's last `tokens` tokens (TGI cuts from the left)."""

    def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Step]:
        """Steps as they are made; a complete answer's last step has a finish. Closing it ends the work.

        Raises `GenerationError`.
        """

    async def close(self) -> None:
        """Let go of connections and threads."""
