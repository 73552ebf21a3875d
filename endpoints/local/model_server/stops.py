"""Stop sequences over a stream of tokens."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Finds the first stop sequence in text that arrives in pieces.

    Like TGI, the stop sequence itself is part of the answer, and what a piece holds after it is cut off. With
    `withhold`, as in vLLM, the sequence is left out; then text that may be its beginning is held back.
    """

    def __init__(self, sequences: Sequence[str], *, withhold: bool = False) -> None:
        self._sequences = [sequence for sequence in sequences if sequence]
        self._longest = max((len(sequence) for sequence in self._sequences), default=0)
        self._withhold = withhold
        self._tail = ""  # what was seen and may be the beginning of a stop sequence
        self.matched = False

    def push(self, piece: str) -> str:
        """What of `piece`, and of text held back earlier, may be passed on now."""
        before, text = self._tail, self._tail + piece
        found = [(text.find(sequence), sequence) for sequence in self._sequences if sequence in text]
        if found:
            self.matched = True
            start, sequence = min(found, key=lambda match: (match[0] + len(match[1]), match[0]))
            return text[:start] if self._withhold else text[len(before) : start + len(sequence)]
        if self._withhold:
            kept = self._possible_beginning(text)
            self._tail = text[len(text) - kept :]
            return text[: len(text) - kept]
        self._tail = text[-(self._longest - 1) :] if self._longest > 1 else ""
        return piece

    def rest(self) -> str:
        """What was held back, once the stream is over without a match."""
        return self._tail if self._withhold and not self.matched else ""

    def _possible_beginning(self, text: str) -> int:
        """The length of the longest end of `text` that begins a stop sequence."""
        lengths = range(min(self._longest - 1, len(text)), 0, -1)
        return next(
            (size for size in lengths if any(stop.startswith(text[-size:]) for stop in self._sequences)), 0
        )
