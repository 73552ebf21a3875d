"""Server-sent events: bytes in pieces of any size -> the `data` of each event.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Incremental, each byte handled a bounded
number of times however small the pieces are, and bounded: an event beyond `MAX_EVENT_BYTES` is a fault.
Lines end with LF or CR LF, as both engines write them; a CR alone ends no line here.
"""

from __future__ import annotations

from typing import Any

from lambdas.router.answers import bad_answer, parse_answer

DONE = b"[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"
MAX_EVENT_BYTES = 1024 * 1024  # a chunk is some 300 bytes, one with 20 log probabilities some 3,000


class SseDecoder:
    """Collects bytes and gives the `data` of every event that is complete."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # the pieces of the line that is not yet whole
        self._begun_bytes = 0
        self._data: list[bytes] = []  # the event's data lines so far
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes.

        An event ends at an empty line; one cut off before it never appears. Raises `UpstreamError` for an event that is
        too large.
        """
        if whole := self._whole_events(piece):
            return whole
        found: list[bytes] = []
        head, newline, rest = piece.rpartition(b"\n")
        if newline:
            self._begun.append(head)
            lines = b"".join(self._begun).split(b"\n")
            self._begun.clear()
            self._begun_bytes = 0
            for line in lines:
                self._take(line.removesuffix(b"\r"), found)
        if rest:
            self._begun.append(rest)
            self._begun_bytes += len(rest)
            self._check_size()
        return found

    def _whole_events(self, piece: bytes) -> list[bytes]:
        """The data of a piece that is nothing but whole events of one line each; else nothing.

        As engines write them and SageMaker passes nearly all of them on.
        """
        if not piece.startswith(b"data: ") or not piece.endswith(b"\n\n") or self._begun or self._data:
            return []
        events = piece[6:-2].split(b"\n\ndata: ")
        is_all = piece.count(b"\n") == 2 * len(events) and b"\r" not in piece
        return events if is_all and len(piece) <= MAX_EVENT_BYTES else []

    def _take(self, line: bytes, found: list[bytes]) -> None:
        if not line:
            if self._data:
                found.append(b"\n".join(self._data))
                self._data.clear()
                self._data_bytes = 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":  # comments, ids and event names mean nothing to these protocols
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(value)
            self._check_size()

    def _check_size(self) -> None:
        if self._begun_bytes + self._data_bytes > MAX_EVENT_BYTES:
            raise bad_answer(f"the stream holds an event of more than {MAX_EVENT_BYTES} bytes")


def encode_event(data: str) -> bytes:
    """One event."""
    return f"data: {data}\n\n".encode()


def event_document(data: bytes) -> dict[str, Any]:
    """The JSON object of an event. Raises `UpstreamError` when it is malformed or reports an error."""
    document = parse_answer(data)
    if not isinstance(document, dict):
        raise bad_answer("the stream holds an event that is not an object")
    return document
