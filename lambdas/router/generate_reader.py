"""Reads a streamed answer in TGI's own schema as it arrives."""

from __future__ import annotations

import json

from lambdas.router.answers import bad_answer, count
from lambdas.router.sse import SseDecoder, encode_event, event_document


class GenerateReader:
    """A `StreamReader`. TGI has no end marker here: the last event is the one with `generated_text`."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self.first_token = False
        self.complete = False
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes; nothing after the last one."""
        events = (
            [] if self.complete else [event for event in map(self._take, self._decoder.feed(piece)) if event]
        )
        self.first_token = self.first_token or bool(events)
        return events

    def finish(self) -> list[bytes]:
        """Nothing more. Raises `UpstreamError` when the stream was cut short."""
        if not self.complete:
            raise bad_answer("the stream ended without generated_text")
        return []

    def _take(self, data: str) -> bytes:
        if self.complete:
            return b""
        document = event_document(data)
        if isinstance(document.get("generated_text"), str):
            self.complete = True
            details = document.get("details")
            self.completion_tokens = count(details, "generated_tokens") if isinstance(details, dict) else None
        return encode_event(json.dumps(document))
