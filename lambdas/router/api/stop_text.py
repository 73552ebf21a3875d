"""Takes a stop sequence off the end of a text that arrives in pieces.

TGI (server/text_generation_server/utils/tokens.py, `StopSequenceCriteria`) ends an answer when its text ends with a
stop sequence, and leaves the sequence there; OpenAI's answers do not contain it.
"""

from __future__ import annotations

from collections.abc import Sequence


def without_stop(text: str, stops: Sequence[str]) -> str:
    """A whole text that a stop sequence has ended, up to that sequence."""
    return text[: min((at for at in map(text.find, stops) if at >= 0), default=len(text))]


class StopText:
    """Holds back what may be the beginning of a stop sequence until it is known."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._begins = frozenset(stop[0] for stop in stops)
        self._held = ""

    def push(self, piece: str) -> str:
        """What can be passed on now."""
        text = self._held + piece
        if self._begins.isdisjoint(text):  # nearly always
            return text  # and nothing was held: it would hold a beginning
        kept = max(_begun(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def end(self, piece: str, *, stopped: bool) -> str:
        """The rest. `stopped`: a stop sequence has ended the text."""
        text, self._held = self._held + piece, ""
        return without_stop(text, self._stops) if stopped else text


def _begun(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with; the whole of `stop` counts too."""
    last = text[-1]
    for size in range(min(len(stop), len(text)), 0, -1):
        if stop[size - 1] == last and text.endswith(stop[:size]):
            return size
    return 0
