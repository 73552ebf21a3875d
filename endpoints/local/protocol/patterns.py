"""The models' regular expressions are Java's; this translates the few constructs that Python spells differently."""

from __future__ import annotations

import re
from functools import lru_cache

# Unicode classes as ranges that may stand inside a bracket. `\p{L}` becomes `\w`, which adds digits and the
# underscore: the patterns of the embedded operations allow both anyway.
_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
}
# The models write "any character of the upper planes" as UTF-16 surrogates.
_SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
_UPPER_PLANES = r"\U00010000-\U0010FFFF"
_BARE_CLASS = re.compile(r"(?<!\[)(\\p\{\w+\})(?=[*+?{]|$)")


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """A model's pattern for `fullmatch`, which is how the services apply it."""
    text = pattern.replace(r"\z", r"\Z").replace(_SURROGATES, _UPPER_PLANES)
    text = _BARE_CLASS.sub(_bracketed, text)
    for java, python in _CLASSES.items():
        text = text.replace(java, python)
    return re.compile(text)


def _bracketed(match: re.Match[str]) -> str:
    inside = match.string.rfind("[", 0, match.start()) > match.string.rfind("]", 0, match.start())
    return match.group(1) if inside else f"[{match.group(1)}]"
