"""Reads a streamed OpenAI answer as it arrives: what chat and text completions have in common.

Complete means: every choice that was asked for has its `finish_reason`, and `data: [DONE]` came. An error event
never counts as an end, although TGI sends `[DONE]` after one. Engines are always asked for the usage, for the log
and the limits; the caller gets it in a chunk of its own, before the end marker, if it was asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from lambdas.router.answers import bad_answer, stream_cut
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.endings import usage_document, usage_of
from lambdas.router.api.envelope import envelope
from lambdas.router.api.known_chunk import KnownChunk
from lambdas.router.sse import DONE, DONE_EVENT, SseDecoder, event_document
from lambdas.router.strict_json import dumps

_LESSONS = 3  # chunks in a row that are got to know and never met again: then all are different


class OpenAiReader(ABC):
    """A `StreamReader` of chunks with `choices`."""

    kind: str  # "chat.completion.chunk"
    id_prefix: str

    def __init__(self, form: AnswerForm) -> None:
        self.first_token = False
        self.complete = False
        self._form = form
        self._decoder = SseDecoder()
        self._usage: dict[str, Any] | None = None
        self._head = ""  # of every event, up to the choice's index
        # As OpenAI has it: where usage is asked for, every other chunk says that it is null there.
        self._tail = '}],"usage":null}\n\n' if form.include_usage else "}]}\n\n"
        self._last: list[bytes] = []  # events that the engine left out at the end
        self._known: KnownChunk | None = None  # one that passes, and so does every one like it
        self._lessons = _LESSONS

    @property
    def prompt_tokens(self) -> int | None:
        return None if self._usage is None else int(self._usage["prompt_tokens"])

    @property
    def completion_tokens(self) -> int | None:
        return None if self._usage is None else int(self._usage["completion_tokens"])

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes, the last ones left for `finish`."""
        events: list[bytes] = []
        for data in self._decoder.feed(piece):
            if self.complete:
                break
            event = None if self._known is None else self._known.event_of(data)
            if event is not None:  # nearly every chunk
                self._lessons = _LESSONS
                events.append(event)
            elif data.strip() == DONE:
                self._end()
            else:
                self._take_event(data, events)
        return events

    def finish(self) -> list[bytes]:
        """The last events and the end marker. Raises `UpstreamError` when the stream was cut short."""
        if not self.complete:
            raise stream_cut("the stream ended without its end marker")
        events, self._last = self._last, []
        if self._form.include_usage and self._usage is not None:
            events.append(self._usage_event(self._usage))
        return [*events, DONE_EVENT]

    @abstractmethod
    def _take_choice(self, choice: dict[str, Any], events: list[bytes]) -> None:
        """Check one choice of a chunk and add what the caller gets of it."""

    def _learnt(self, data: bytes, document: dict[str, Any]) -> KnownChunk | None:  # noqa: ARG002 - for others
        """The chunk `data`, parsed as `document` and taken, if whatever is like it is to be passed on as it comes."""
        return None

    @abstractmethod
    def _ended(self) -> int:
        """How many choices have ended. Raises `UpstreamError` where one has begun and has not."""

    def _event(self, index: int, members: Mapping[str, Any]) -> bytes:
        return f"{self._head}{index},{dumps(members)[1:-1]}{self._tail}".encode()

    def _take_event(self, data: bytes, events: list[bytes]) -> None:
        document = event_document(data)
        self._take(document, events)
        learnt = self._learnt(data, document) if self._lessons else None
        if learnt is not None:
            self._known, self._lessons = learnt, self._lessons - 1

    def _take(self, document: dict[str, Any], events: list[bytes]) -> None:
        choices = document.get("choices")
        if not isinstance(choices, list):
            raise bad_answer("the stream holds an event without choices")
        if not self._head:
            head = dumps(envelope(document, self.kind, self.id_prefix, self._form))
            self._head = f'data: {head[:-1]},"choices":[{{"index":'
        if document.get("usage"):
            self._note_usage(usage_of(document), whole=not choices)
        for choice in choices:
            if not isinstance(choice, dict):
                raise bad_answer("the stream holds a choice that is not an object")
            self._take_choice(choice, events)

    def _note_usage(self, usage: dict[str, Any] | None, *, whole: bool) -> None:
        """Of the whole answer, or of one prompt of several: TGI gives it with the last chunk of each."""
        if usage is None:
            return
        if not whole and self._usage is not None:
            sums = (self._usage[name] + usage[name] for name in ("prompt_tokens", "completion_tokens"))
            usage = usage_document(*sums)
        self._usage = usage

    def _end(self) -> None:
        ended = self._ended()
        if ended != self._form.answers:
            raise stream_cut(
                f"the stream ended with {ended} of {self._form.answers} answers: no finish_reason"
            )
        self.complete = True

    def _usage_event(self, usage: dict[str, Any]) -> bytes:
        head = self._head.removesuffix('[{"index":')
        return f'{head}[],"usage":{dumps(usage)}}}\n\n'.encode()


def index_of(choice: Mapping[str, Any]) -> int:
    """A choice's index. Raises `UpstreamError` where it is none."""
    index = choice.get("index", 0)
    if not isinstance(index, int) or isinstance(index, bool):
        raise bad_answer("the stream holds a choice without an index")
    return index
