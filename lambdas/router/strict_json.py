"""JSON as the standard has it, bounded: what this parses can be written again as valid JSON, without surprises.

Python's own parser takes NaN and Infinity, makes infinity of 1e999, and nests as deep as its stack. Parser and writer
are made once: `json.loads` and `json.dumps` with options make new ones in every call, which costs more than the work.
"""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring_ascii

MAX_DEPTH = 64  # a JSON schema in `response_format` nests about 20 deep

quoted = encode_basestring_ascii
"""A text as a JSON string, quotes included. Pure ASCII, so that even a lone surrogate from a model is valid UTF-8."""

dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""A document as compact JSON in ASCII."""


class JsonError(ValueError):
    """Not JSON, or beyond the bounds; the text says what and where."""


def loads(raw: bytes | str) -> object:
    """Parse UTF-8 bytes or text. Raises `JsonError`."""
    text = raw if isinstance(raw, str) else _decode(raw)
    document = _parse(text)
    # Nothing nests deeper than it has opening brackets: counting them is quick and nearly always enough.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deeper_than(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from error


def _parse(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise _too_deep() from error
    except JsonError:
        raise
    except ValueError as error:  # Python's own limit of digits
        raise JsonError("not taken: it holds a number that is too large") from error


def _refuse_constant(name: str) -> float:
    raise JsonError(f"not valid JSON: {name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isfinite(value):
        return value
    raise JsonError(f"not taken: the number {text[:20]} is too large")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _too_deep() -> JsonError:
    return JsonError(f"not taken: it nests more than {MAX_DEPTH} deep")


def _is_deeper_than(document: object, limit: int) -> bool:
    """Whether containers nest more than `limit` deep. Level by level, so that it cannot overflow the stack."""
    level = [document]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
