"""Seeded changes: to JSON, to bytes, and to where bytes are cut in pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

_TEXTS = (
    *("", "a", "stop", "length", "content_filter", "tool_calls", "assistant", "user", "\ud800", "\0", "é"),
    *("null", "1e999", "data: ", "\n\n", "\r\n", "[DONE]", "{}", "auto", "required", "x" * 300),
)
_NUMBERS: tuple[Any, ...] = (
    0,
    1,
    -1,
    2,
    64,
    100,
    101,
    4096,
    2**31,
    2**53,
    2**63,
    10**30,
    0.0,
    -0.0,
    0.5,
    1e308,
)
_KEYS = (
    *("model", "messages", "role", "content", "stream", "n", "tools", "type", "function", "name", "index"),
    *("choices", "delta", "message", "finish_reason", "usage", "error", "logprobs", "text", "id", "created"),
    *(
        "arguments",
        "tool_calls",
        "stop",
        "max_tokens",
        "prompt",
        "inputs",
        "parameters",
        "generated_text",
        "x",
    ),
)
_BYTES = (
    *(b"\n", b"\r\n", b"\n\n", b"\0", b"\xff", b"data: ", b"data:", b"[DONE]", b"{", b"}", b"[", b'"', b","),
    *(
        b":",
        b" ",
        b"0\r\n\r\n",
        b"ffffffff",
        b"-1",
        b"NaN",
        b"1e999",
        b"\\ud800",
        b"\xed\xa0\x80",
        b"\x00\x00\x00\x10",
    ),
)
_DEEPEST = 3


class Chaos:
    """All choices of one input. The same seed makes the same input."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)  # noqa: S311 - reproducible is what it must be

    def one(self, given: Sequence[T]) -> T:
        return given[int(self.random.random() * len(given))]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def below(self, limit: int) -> int:
        return int(self.random.random() * limit)

    # JSON

    def value(self, depth: int = 0) -> Any:
        """Any JSON value, mostly small."""
        kind = self.below(8 if depth < _DEEPEST else 5)
        if kind <= 1:
            return self.one(_TEXTS)
        if kind == 2:
            return self.one(_NUMBERS)
        if kind == 3:
            return self.one((None, True, False))
        if kind == 4:
            return self.one(({}, [], [[]], [{}]))
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.below(4))]
        return {self.one(_KEYS): self.value(depth + 1) for _ in range(self.below(4))}

    def changed(self, document: Any, times: int = 1) -> Any:
        """A copy with a few places changed, wherever they are."""
        copy = json.loads(json.dumps(document))
        for _ in range(times):
            copy = self._changed_once(copy)
        return copy

    def _changed_once(self, document: Any) -> Any:
        node, parents = document, []
        while isinstance(node, dict | list) and node and self.chance(0.75):
            key = self.one(list(node)) if isinstance(node, dict) else self.below(len(node))
            parents.append((node, key))
            node = node[key]
        if not parents:
            return self._grown(document) if isinstance(document, dict | list) else self.value()
        parent, key = parents[-1]
        what = self.below(5)
        if what == 0:
            del parent[key]
        elif what == 1 and isinstance(parent, list):
            parent.insert(key, node)
        elif what == 2:
            parent[key] = self._grown(node) if isinstance(node, dict | list) else self.value()
        else:
            parent[key] = self.value()
        return document

    def _grown(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {**node, self.one(_KEYS): self.value()}
        return [*node, self.value()]

    # Bytes

    def broken(self, raw: bytes, times: int = 1) -> bytes:
        """The bytes with a few places changed."""
        for _ in range(times):
            raw = self._broken_once(raw)
        return raw

    def _broken_once(self, raw: bytes) -> bytes:
        at, size = self.below(len(raw) + 1), self.below(8) + 1
        what = self.below(7)
        if what == 0:
            return raw[:at]
        if what == 1:
            return raw[:at] + raw[at + size :]
        if what == 2:
            return raw[:at] + self.random.randbytes(size) + raw[at + size :]
        if what == 3:
            return raw[:at] + raw[max(0, at - size * 8) : at] + raw[at:]
        if what == 4:
            return raw[:at] + self.one(_BYTES) * (1 + self.below(3)) + raw[at:]
        if what == 5 and at < len(raw):
            return raw[:at] + bytes((raw[at] ^ 1 << self.below(8),)) + raw[at + 1 :]
        return raw[:at] + self.one(_BYTES) + raw[at + size :]

    def pieces(self, raw: bytes) -> list[bytes]:
        """The bytes in pieces: mostly a few, sometimes one byte each."""
        if not raw:
            return []
        if self.chance(0.4):
            return [raw]
        if self.chance(0.05):
            raw, rest = raw[:200], raw[200:]
            return [raw[at : at + 1] for at in range(len(raw))] + ([rest] if rest else [])
        cuts = sorted({self.below(len(raw)) for _ in range(1 + self.below(6))} | {0, len(raw)})
        return [raw[start:end] for start, end in pairwise(cuts)]
