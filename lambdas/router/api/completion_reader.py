"""Reads a streamed text completion as it arrives.

Shapes: TGI 3.3, router/src/server.rs (`completions`: `Chunk`s of all prompts mixed, told apart by `index`, with an
empty `finish_reason` until the last one, which has the prompt's usage); vLLM 0.29 (`CompletionStreamResponse`).
"""

from __future__ import annotations

from typing import Any

from lambdas.router.answers import bad_answer, stream_cut
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.completion_answer import CHOICE, ID_PREFIX, KIND, text_ending, text_logprobs
from lambdas.router.api.endings import STOP_SEQUENCE, check_not_declined
from lambdas.router.api.envelope import extras
from lambdas.router.api.openai_reader import OpenAiReader, index_of
from lambdas.router.api.stop_text import StopText


class _Choice:
    """One of the answers, as far as it has come."""

    def __init__(self, form: AnswerForm) -> None:
        self.stop = StopText(form.cut_off) if form.cut_off else None
        self.ended = False


class CompletionReader(OpenAiReader):
    """A `StreamReader` of `text_completion` events."""

    kind = KIND
    id_prefix = ID_PREFIX

    def __init__(self, form: AnswerForm) -> None:
        super().__init__(form)
        self._choices: dict[int, _Choice] = {}

    def _take_choice(self, choice: dict[str, Any], events: list[bytes]) -> None:
        text, index, given = choice.get("text"), index_of(choice), choice.get("finish_reason")
        if not isinstance(text, str):
            raise bad_answer("the stream holds a choice without a text")
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice(self._form)
        if state.ended:
            raise bad_answer("the stream goes on after its finish_reason")
        reason = text_ending(given)
        state.ended = reason is not None
        if state.stop is not None:
            stopped = given == STOP_SEQUENCE
            text = state.stop.end(text, stopped=stopped) if state.ended else state.stop.push(text)
        logprobs = text_logprobs(choice.get("logprobs"))
        if not text and reason is None and logprobs is None:
            return
        if not text and not self.first_token:
            check_not_declined([(reason, text)])
        self.first_token = True
        more = extras(choice, CHOICE)
        members = {"text": text, "logprobs": logprobs, "finish_reason": reason, **more}
        events.append(self._event(index, members))

    def _ended(self) -> int:
        if not all(state.ended for state in self._choices.values()):
            raise stream_cut("the stream ended before the answer did: no finish_reason")
        return len(self._choices)
