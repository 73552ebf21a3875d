"""CloudWatch Logs' JSON filter patterns, as far as this project's go: comparisons, &&, || and parentheses."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(
    r'\s*(?:(?P<mark>&&|\|\||[()])|(?P<field>\$[\w.\[\]]+)\s*(?P<op>>=|=)\s*(?P<value>"[^"]*"|\d+))'
)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """True when `line` counts. Raises ValueError for what is no pattern."""
    inner = pattern.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise ValueError(f"no JSON pattern: {pattern}")
    return _Reader(inner[1:-1]).read(line)


def field(path: str, line: Mapping[str, Any]) -> Any:
    """The value at `$.attempts[0].role`; None when there is none."""
    value: Any = line
    for name, position in _STEP.findall(path.removeprefix("$")):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        else:
            value = value[int(position)] if isinstance(value, list) and int(position) < len(value) else None
    return value


class _Reader:
    """Recursive descent; && binds before ||, as CloudWatch reads them."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))

    def read(self, line: Mapping[str, Any]) -> bool:
        result = self._any(line)
        if self._tokens:
            raise ValueError(f"unexpected: {self._tokens[0].group()}")
        return result

    def _any(self, line: Mapping[str, Any]) -> bool:
        result = self._all(line)
        while self._take("||"):
            result = self._all(line) or result
        return result

    def _all(self, line: Mapping[str, Any]) -> bool:
        result = self._one(line)
        while self._take("&&"):
            result = self._one(line) and result
        return result

    def _one(self, line: Mapping[str, Any]) -> bool:
        if self._take("("):
            result = self._any(line)
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
            return result
        return _compare(self._tokens.pop(0), line)

    def _take(self, mark: str) -> bool:
        found = bool(self._tokens) and self._tokens[0]["mark"] == mark
        if found:
            self._tokens.pop(0)
        return found


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"not understood: {text[at:]}")
        yield token
        at = token.end()


def _compare(comparison: re.Match[str], line: Mapping[str, Any]) -> bool:
    value, wanted = field(comparison["field"], line), comparison["value"]
    if wanted.startswith('"'):
        return isinstance(value, str) and fnmatch.fnmatchcase(value, wanted.strip('"'))
    if not isinstance(value, int | float):
        return False
    return value >= int(wanted) if comparison["op"] == ">=" else value == int(wanted)
