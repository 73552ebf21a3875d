"""What an answer's form depends on: the request that it answers, and the engine that gave it."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from lambdas.router.answers import bad_answer
from lambdas.router.route_table import Engine
from lambdas.router.strict_json import JsonError, loads


class AnswerForm(NamedTuple):
    """`name` is what the caller put into `model`; the answer says it back."""

    name: str
    request_id: str
    engine: Engine
    answers: int = 1  # choices that must come: completions, or prompts
    include_usage: bool = False
    stop: tuple[str, ...] = ()
    tools: bool = False  # it may hold calls
    must_call: bool = False
    json: bool = False  # its text must be JSON

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Stop sequences that the engine leaves at the end of its text: TGI does, OpenAI and vLLM do not."""
        return self.stop if self.engine is Engine.TGI else ()

    def reason(self, given: str | None, *, calls: bool) -> str | None:
        """The `finish_reason` of an answer with calls or without.

        Raises `UpstreamError` where a call was required and the answer ends without one: some of vLLM's parsers pass
        over the requirement (vllm-project/vllm issues 50477, 53363, 54808), and say `tool_calls` all the same.
        """
        if given not in ("stop", "tool_calls"):
            return given
        if self.must_call and not calls:
            raise bad_answer("the answer calls no tool, although the request requires it")
        return "tool_calls" if calls else "stop"

    def check_text(self, text: str, reason: str | None) -> None:
        """Raise `UpstreamError` where a text that has ended by itself is not the JSON that was asked for.

        Both engines hold their answers to a format, so this finds an engine at fault. A stop sequence may end anywhere.
        """
        if not self.json or reason != "stop" or self.stop:
            return
        try:
            loads(text)
        except JsonError as error:
            raise bad_answer(f"the answer does not match response_format: it is {error}") from error

    def call_id(self, given: object, index: int) -> str:
        """A tool call's id. TGI calls every one "0", which would be ambiguous in the next request's messages.

        Nine letters and digits, as Mistral's chat templates demand.
        """
        if isinstance(given, str) and given and not given.isdigit():
            return given
        return sha256(f"{self.request_id}:{index}".encode()).hexdigest()[:9]
