"""Reads a streamed chat answer as it arrives.

Shapes: TGI 3.3, router/src/chat.rs (`ChatState`); vLLM 0.29, vllm/entrypoints/openai/chat_completion/serving.py.
OpenAI's SDKs add the texts of all chunks up, so what TGI repeats in each of them (the role, a call's id and name) is
passed on once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from lambdas.router.answers import bad_answer, stream_cut
from lambdas.router.api import chat_shapes
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.call_stream import CallStream
from lambdas.router.api.chat_answer import ID_PREFIX
from lambdas.router.api.endings import STOP_SEQUENCE, check_not_declined, finish_reason
from lambdas.router.api.envelope import extras
from lambdas.router.api.known_chunk import KnownChunk
from lambdas.router.api.openai_reader import OpenAiReader, index_of
from lambdas.router.api.stop_text import StopText
from lambdas.router.route_table import Engine
from lambdas.router.strict_json import quoted

_CHOICE = frozenset(("index", "delta", "logprobs", "finish_reason"))
_DELTA = frozenset(("role", "content", "tool_calls", "function_call"))


class _Choice:
    """One of the answers, as far as it has come."""

    def __init__(self, form: AnswerForm) -> None:
        self.calls = CallStream(form)
        self.begun = False  # the caller has the role
        self.reason: str | None = None
        self._form = form
        self._stop = StopText(form.cut_off) if form.cut_off else None
        self._said: list[str] | None = [] if form.json else None
        self._passes = self._stop is None and self._said is None

    @property
    def passes_on(self) -> bool:
        """Whether a text goes on to the caller as it comes."""
        return self._passes and self.begun and self.reason is None

    def text(self, content: object, *, ended: bool, stopped: bool) -> str:
        """What the caller gets of a delta's content."""
        if content is not None and not isinstance(content, str):
            raise bad_answer("the stream holds content that is no text")
        text = content or ""
        if self._stop is not None:
            text = self._stop.end(text, stopped=stopped) if ended else self._stop.push(text)
        if self._said is not None:
            self._said.append(text)
        return text

    def end(self, reason: str | None) -> None:
        """Note how the answer ends; None: it goes on. Raises `UpstreamError` where it is not what was asked for."""
        self.reason = self._form.reason(reason, calls=bool(self.calls))
        if self._said is not None and self.reason is not None:
            self._form.check_text("".join(self._said), self.reason)


class ChatReader(OpenAiReader):
    """A `StreamReader` of `chat.completion.chunk` events."""

    kind = "chat.completion.chunk"
    id_prefix = ID_PREFIX

    def __init__(self, form: AnswerForm) -> None:
        super().__init__(form)
        self._choices: dict[int, _Choice] = {}

    def _take_choice(self, choice: dict[str, Any], events: list[bytes]) -> None:
        delta, index = choice.get("delta"), index_of(choice)
        if not isinstance(delta, dict):
            raise bad_answer("the stream holds a choice without a delta")
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice(self._form)
        if state.passes_on and _is_only_text(choice):
            if delta["content"]:
                events.append(self._text_event(index, delta["content"]))
                self.first_token = True
            return
        members = self._members(choice, delta, state)
        if members is not None:
            events.append(self._event(index, members))

    def _learnt(self, data: bytes, document: dict[str, Any]) -> KnownChunk | None:
        choices = document["choices"]
        if len(choices) != 1 or document.get("usage"):
            return None
        delta, index = choices[0]["delta"], index_of(choices[0])
        if not delta.get("content") or not _is_only_text(choices[0]) or not self._choices[index].passes_on:
            return None
        return KnownChunk.of(data, document, delta, "content", partial(self._text_event, index))

    def _text_event(self, index: int, text: str) -> bytes:
        delta = f'"delta":{{"content":{quoted(text)}}},"logprobs":null,"finish_reason":null'
        return f"{self._head}{index},{delta}{self._tail}".encode()

    def _members(
        self, choice: Mapping[str, Any], delta: Mapping[str, Any], state: _Choice
    ) -> dict[str, Any] | None:
        """The choice for the caller, None where nothing of it is left."""
        if state.reason is not None:
            raise bad_answer("the stream goes on after its finish_reason")
        said = self._said(choice, delta, state)
        if state.reason is not None:
            self._known = None  # nothing may follow of this choice
        if not self.first_token and not any(said.values()):
            check_not_declined([(state.reason, None)])
        self.first_token = self.first_token or any(said.values()) or state.reason is not None
        logprobs = chat_shapes.logprobs(choice.get("logprobs"))
        if not state.begun:
            state.begun = True
            said = {"role": "assistant", "content": None if "tool_calls" in said else "", **said}
        if not said and logprobs is None and state.reason is None:
            return None
        more = extras(choice, _CHOICE)
        return {"delta": said, "logprobs": logprobs, "finish_reason": state.reason, **more}

    def _said(self, choice: Mapping[str, Any], delta: Mapping[str, Any], state: _Choice) -> dict[str, Any]:
        """What the delta says, and note the answer's end in `state`."""
        given = choice.get("finish_reason")
        reason = finish_reason(given)
        said = extras(delta, _DELTA)
        if text := state.text(delta.get("content"), ended=reason is not None, stopped=given == STOP_SEQUENCE):
            said["content"] = text
        if calls := state.calls.take(delta.get("tool_calls")):
            said["tool_calls"] = calls
        state.end(reason)
        return said

    def _ended(self) -> int:
        if self._form.engine is Engine.TGI and self._form.tools and self._usage is not None:
            self._end_calls()
        if any(state.reason is None for state in self._choices.values()):
            raise stream_cut("the stream ended before the answer did: no finish_reason")
        return len(self._choices)

    def _end_calls(self) -> None:
        """TGI ends a stream of tool calls without a finish_reason; that it ended in order, only its usage says.

        Where it came to no call before the tokens were used up, it says nothing else at all.
        """
        state = self._choices.setdefault(0, _Choice(self._form))
        if state.reason is not None:
            return
        closing = state.calls.close()
        if closing is None and state.begun:
            return
        state.reason = "tool_calls" if state.calls else "length"
        said: dict[str, Any] = {} if state.begun else {"role": "assistant", "content": ""}
        if closing:
            said["tool_calls"] = closing
        self._last.append(self._event(0, {"delta": said, "logprobs": None, "finish_reason": state.reason}))


def _is_only_text(choice: Mapping[str, Any]) -> bool:
    delta = choice["delta"]
    return (
        isinstance(delta.get("content"), str)
        and (len(delta) == 1 or (len(delta) == 2 and "role" in delta))
        and choice.get("finish_reason") is None
        and choice.get("logprobs") is None
        and not extras(choice, _CHOICE)
    )
