"""Chat chunks as server-sent events: the answer's text, and what the stream says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from endpoints.errors import RemoteError

CUT_SHORT: Final = "The text above is not complete: run this again."
_DONE: Final = "[DONE]"


class ChatEvents:
    """Reads one stream. What was counted is known when `texts` has ended; it raises `RemoteError` unless whole."""

    def __init__(self) -> None:
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.finish_reason: str | None = None

    def texts(self, pieces: Iterable[bytes]) -> Iterator[str]:
        """The pieces of text in a stream's bytes, which may be split anywhere."""
        for data in sse_data(pieces):
            if data == _DONE:
                if self.finish_reason is None:
                    raise _broken("The stream ended before the answer did.")
                return
            yield from self._texts_of(_document(data))
        raise _broken("The stream ended without its end marker.")

    def _texts_of(self, document: dict[str, Any]) -> Iterator[str]:
        usage = document.get("usage") or {}
        self.prompt_tokens = usage.get("prompt_tokens", self.prompt_tokens)
        self.completion_tokens = usage.get("completion_tokens", self.completion_tokens)
        for choice in document.get("choices") or []:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield text


def sse_data(pieces: Iterable[bytes]) -> Iterator[str]:
    """The data of each server-sent event; lines may be split over pieces anywhere.

    These engines put one line of data into an event, so a line is enough to tell them apart.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            field, _, value = line.strip(b"\r").partition(b":")
            if field == b"data":
                yield value.strip().decode("utf-8", errors="replace")


def _document(data: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise _broken(f"The stream holds an event that is not JSON: {data[:80]!r}") from error
    if not isinstance(document, dict):
        raise _broken(f"The stream holds an event that is no object: {data[:80]!r}")
    if document.get("error") is not None:
        detail = document["error"]
        text = detail.get("message") if isinstance(detail, dict) else detail
        raise _broken(f"The stream was broken off: {text}")
    return document


def _broken(message: str) -> RemoteError:
    return RemoteError(message, remedy=CUT_SHORT)
