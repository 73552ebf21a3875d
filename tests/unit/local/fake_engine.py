"""An engine that says what it is told, one word per token."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from endpoints.local.model_server.engines.base import (
    ChatMessage,
    Finish,
    FinishReason,
    Prompt,
    Sampling,
    Step,
    Token,
)


class FakeEngine:
    """Counts words as tokens; `words` is every answer."""

    model_name = "fake/model"
    window = 4096

    def __init__(
        self, words: Sequence[str] = (), *, reason: FinishReason | None = FinishReason.END_OF_SEQUENCE
    ) -> None:
        self.words = list(words)
        self.reason = reason
        self.closed_early = False

    def load(self) -> None:
        """Nothing to load."""

    async def is_healthy(self) -> bool:
        return True

    def prepare_text(self, text: str) -> Prompt:
        return Prompt(text, len(text.split()))

    def prepare_chat(self, messages: Sequence[ChatMessage]) -> Prompt:
        return self.prepare_text(" ".join(message["content"] for message in messages))

    def truncate(self, prompt: Prompt, tokens: int) -> Prompt:
        return self.prepare_text(" ".join(str(prompt.content).split()[-tokens:]))

    async def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Step]:  # noqa: ARG002 - says what it was told
        self.closed_early = True
        for number, word in enumerate(self.words, start=1):
            yield Step(Token(word, id=number, logprob=-0.5))
        self.closed_early = False
        if self.reason is not None:
            end = Token("<end>", id=99, special=True)
            yield Step(end, Finish(self.reason, len(self.words) + 1))

    async def close(self) -> None:
        """Nothing to close."""
