"""What an answer's form depends on: the request that it answers, and the engine that gave it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from lambdas.router.route_table import Engine


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """`name` is what the caller put into `model`; the answer says it back."""

    name: str
    request_id: str
    engine: Engine
    answers: int = 1  # choices that must come: completions, or prompts
    include_usage: bool = False
    stop: tuple[str, ...] = ()
    tools: bool = False

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Stop sequences that the engine leaves at the end of its text: TGI does, OpenAI and vLLM do not."""
        return self.stop if self.engine is Engine.TGI else ()

    def call_id(self, given: object, index: int) -> str:
        """A tool call's id. TGI calls every one "0", which would be ambiguous in the next request's messages.

        Nine letters and digits, as Mistral's chat templates demand.
        """
        if isinstance(given, str) and given and not given.isdigit():
            return given
        return sha256(f"{self.request_id}:{index}".encode()).hexdigest()[:9]
