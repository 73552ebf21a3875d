"""Reads a streamed answer in TGI's own schema as it arrives."""

from __future__ import annotations

from lambdas.router.answers import count, stream_cut
from lambdas.router.sse import SseDecoder, event_document


class GenerateReader:
    """A `StreamReader`. TGI has no end marker here: the last event is the one with `generated_text`."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self.first_token = False
        self.complete = False
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes, as the engine wrote them; nothing after the last one."""
        events = []
        for data in self._decoder.feed(piece):
            if self.complete:
                break
            document = event_document(data)
            if isinstance(document.get("generated_text"), str):
                self._end(document.get("details"))
            self.first_token = True
            events.append(b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n")
        return events

    def finish(self) -> list[bytes]:
        """Nothing more. Raises `UpstreamError` when the stream was cut short."""
        if not self.complete:
            raise stream_cut("the stream ended without generated_text")
        return []

    def _end(self, details: object) -> None:
        self.complete = True
        if isinstance(details, dict):
            self.prompt_tokens = count(details, "input_length")
            self.completion_tokens = count(details, "generated_tokens")
