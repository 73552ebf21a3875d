"""Takes out of a text what identifies people or opens doors, before it is logged.

It finds shapes, not meaning: names, addresses and anything spelt unusually stay. That is why texts are logged only
where a use case wants them, in a log that is as confidential as its texts. Every pattern reads a text once.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_PEM = re.compile(r"-----BEGIN [A-Z ]{1,40}-----.*?(?:-----END [A-Z ]{1,40}-----|\Z)", re.DOTALL)
# What services put before their keys, web tokens, and what follows "Bearer" or a name like "api_key=".
_PREFIXED_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-|pk_|rk_|hf_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza|eyJ)[A-Za-z0-9_.\-]{12,}"
)
_NAMED_KEY = re.compile(
    r"(?i)\b(bearer +|(?:api[_-]?key|access[_-]?key|secret|token|passw(?:or)?d)[\"']{0,1} {0,2}[:=] {0,2}[\"']{0,1})"
    r"([^\s\"',;]{8,})"
)
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{32,}={0,2}(?![A-Za-z0-9+/_=-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_DIGITS = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d(?:[ ()./-]{0,2}\d){6,18}(?!\w)")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4}")
_LEAST_PHONE, _MOST_PHONE = 7, 15  # digits; E.164 has at most 15
_CARD = range(13, 20)


def redacted(text: str) -> str:
    """`text` with `[email]`, `[phone]`, `[card]`, `[iban]` and `[key]` in the place of what has such a shape."""
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    return text


def _run(found: re.Match[str]) -> str:
    """A long run of letters and digits is a key; a long word, a path, a number or a row of dashes is none."""
    run = found.group()
    has_digit = any(character.isdigit() for character in run)
    has_letter = any(character.isalpha() for character in run)
    return "[key]" if has_digit and has_letter and run.count("/") < 3 and run.count("-") < 5 else run


def _iban(found: re.Match[str]) -> str:
    """Its two check digits tell (ISO 13616)."""
    account = found.group().replace(" ", "")
    turned = account[4:] + account[:4]
    number = int("".join(str(int(character, 36)) for character in turned))
    return "[iban]" if 15 <= len(account) <= 34 and number % 97 == 1 else found.group()


def _digits(found: re.Match[str]) -> str:
    """A card by its check digit (Luhn), else a telephone number; years and prices are shorter, dates have a shape."""
    digits = [int(character) for character in found.group() if character.isdigit()]
    if len(digits) in _CARD and _passes_luhn(digits):
        return "[card]"
    is_phone = _LEAST_PHONE <= len(digits) <= _MOST_PHONE and not _DATE.fullmatch(found.group())
    return "[phone]" if is_phone else found.group()


def _passes_luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_PEM, "[key]"),
    (_EMAIL, "[email]"),
    (_NAMED_KEY, r"\1[key]"),
    (_PREFIXED_KEY, "[key]"),
    (_IBAN, _iban),
    (_LONG_RUN, _run),
    (_DIGITS, _digits),
)
