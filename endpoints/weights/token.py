"""What a Hugging Face token looks like, and what may be said about one. Nothing here repeats a token."""

from __future__ import annotations

import re
from typing import Final

_MOST_CHARACTERS: Final = 512
_SHAPE: Final = re.compile(r"hf_[A-Za-z0-9]{20,}")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def token_fault(text: str, *, of_the_hub: bool = True) -> str | None:
    """Why `text` cannot be a token, as the end of a sentence that begins with "it"; None when it may be one.

    A mirror (not `of_the_hub`) may hand out tokens of another shape.
    """
    if not text:
        return "is empty"
    if any(character.isspace() for character in text):
        return "holds blanks or line breaks: was more than the token pasted?"
    if not _PRINTABLE.fullmatch(text):
        return "holds characters that no token has"
    if len(text) > _MOST_CHARACTERS:
        return f"has {len(text)} characters, and a token has about 37"
    if of_the_hub and not _SHAPE.fullmatch(text):
        return 'is not in the shape of a token: "hf_" and letters and digits'
    return None
