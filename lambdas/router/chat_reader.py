"""Reads a streamed chat answer as it arrives."""

from __future__ import annotations

from lambdas.router.answers import count
from lambdas.router.chat_answer import ChatStream
from lambdas.router.sse import SseDecoder


class ChatReader:
    """A `StreamReader` of `chat.completion.chunk` events."""

    def __init__(self, *, model_id: str, request_id: str) -> None:
        self._decoder = SseDecoder()
        self._check = ChatStream(model_id=model_id, request_id=request_id)
        self._end: list[bytes] = []
        self.first_token = False

    @property
    def complete(self) -> bool:
        return bool(self._end)

    @property
    def prompt_tokens(self) -> int | None:
        return count(self._check.usage, "prompt_tokens")

    @property
    def completion_tokens(self) -> int | None:
        return count(self._check.usage, "completion_tokens")

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes, the end marker left for `finish`."""
        events = [event for event in map(self._check.take, self._decoder.feed(piece)) if event]
        if self._check.done and not self._end:
            self._check.finish()
            self._end = [events.pop()]
        self.first_token = self.first_token or bool(events)
        return events

    def finish(self) -> list[bytes]:
        """The end marker. Raises `UpstreamError` when the stream was cut short."""
        self._check.finish()
        return self._end
