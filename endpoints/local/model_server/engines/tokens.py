"""A model's tokenizer: counts prompts and names generated tokens."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer


class TokenCounter:
    """Wraps tokenizer.json. Thread-safe: nothing changes after the first use."""

    def __init__(self, directory: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._added = len(self._tokenizer.encode("", add_special_tokens=True).ids)

    @property
    def adds_special_tokens(self) -> bool:
        """Whether plain text gets tokens of its own around it, such as a beginning of text."""
        return self._added > 0

    def count(self, text: str) -> int:
        """How many tokens the text is, special ones included."""
        return len(self._tokenizer.encode(text, add_special_tokens=True).ids)

    def last(self, text: str, tokens: int) -> str:
        """The text's last `tokens` tokens, special ones counted but not returned."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        kept = max(tokens - self._added, 1)
        return str(self._tokenizer.decode(ids[-kept:], skip_special_tokens=False))

    def id_of(self, text: str) -> int:
        """The id of the token with this text; 0 when no token has it (a part of a character)."""
        return self._ids.get(text, 0)

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Text to id for the whole vocabulary; half a second for the largest ones, so only on demand."""
        size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        texts = self._tokenizer.decode_batch([[id_] for id_ in range(size)], skip_special_tokens=False)
        return {text: id_ for id_, text in reversed(list(enumerate(texts)))}
