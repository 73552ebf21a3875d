"""Server-sent events: bytes in pieces of any size -> the `data` of each event.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Incremental, so that the same
decoder serves a buffered answer and a live stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.router.answers import bad_answer, parse_answer

DONE = "[DONE]"


class SseDecoder:
    """Collects bytes and gives the `data` of every event that is complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The events that `piece` completes.

        An event ends at an empty line; one cut off before it never appears.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line:
                self._take(line)
            elif self._data:
                yield b"\n".join(self._data).decode("utf-8", errors="replace")
                self._data = []

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":  # comments, ids and event names mean nothing to these protocols
            self._data.append(value.removeprefix(b" "))


def encode_event(data: str) -> bytes:
    """One event."""
    return f"data: {data}\n\n".encode()


def event_document(data: str) -> dict[str, Any]:
    """The JSON object of an event. Raises `UpstreamError` when it is malformed or reports an error."""
    document = parse_answer(data)
    if not isinstance(document, dict):
        raise bad_answer("the stream holds an event that is not an object")
    return document
