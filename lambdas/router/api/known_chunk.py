"""Chunks that differ from an earlier one in their text alone, as nearly all of a stream do: read without a parser.

A JSON document in which one string literal is replaced by another stays the same document but for that string. So
where the bytes around a chunk's text, put around another text, were parsed and gave the same chunk with that other
text, they do around every text. A chunk with other bytes around its text, or whose text has escapes, is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lambdas.router.strict_json import JsonError, loads, quoted

_OTHER_TEXT = "Any other text."
_spells_itself = re.compile(rb'[^"\\\x00-\x1f\x7f]+').fullmatch


class KnownChunk:
    """The bytes around a chunk's text, and those around it in the event that the caller gets."""

    __slots__ = ("_after", "_before", "_event_after", "_event_before")

    def __init__(self, around: tuple[bytes, bytes], around_in_event: tuple[bytes, bytes]) -> None:
        self._before, self._after = around
        self._event_before, self._event_after = around_in_event

    @classmethod
    def of(
        cls, data: bytes, document: object, holder: dict[str, Any], name: str, event: Callable[[str], bytes]
    ) -> KnownChunk | None:
        """What is known by the chunk `data`, parsed as `document`; None where nothing is certain.

        `holder` is the object in `document` whose member `name` is the text; it is changed. `event` is what the caller
        gets of such a chunk with a text.
        """
        other = _literal(_OTHER_TEXT)
        before, found, after = data.partition(_literal(holder[name]))
        holder[name] = _OTHER_TEXT
        try:
            if not found or found == other or loads(before + other + after) != document:
                return None
        except JsonError:
            return None
        event_before, _, event_after = event(_OTHER_TEXT).rpartition(other)
        return cls((before + b'"', b'"' + after), (event_before + b'"', b'"' + event_after))

    def event_of(self, data: bytes) -> bytes | None:
        """The event of a chunk that is this one but for its text; None of any other chunk."""
        before, after = self._before, self._after
        if not data.startswith(before) or not data.endswith(after):
            return None
        text = data[len(before) : len(data) - len(after)]  # empty where the two overlap
        if not _spells_itself(text):
            return None
        if not text.isascii():
            try:
                text = quoted(text.decode())[1:-1].encode()
            except UnicodeDecodeError:
                return None
        return self._event_before + text + self._event_after


def _literal(text: str) -> bytes:
    return f'"{text}"'.encode("utf-8", "surrogatepass")
