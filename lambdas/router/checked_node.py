"""Reads a decoded JSON document and notes everything that is wrong with it, each with its place."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)
_SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}")  # botocore's model has the same pattern


class Node:
    """A place in the document: reads typed members and notes what is wrong with them.

    A faulty member reads as a harmless stand-in so that the walk goes on and finds the other faults; whoever reads
    refuses the whole document when there is any fault.
    """

    def __init__(self, value: object, path: str, faults: list[str]) -> None:
        self._path = path
        self._faults = faults
        self._members: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.fault("", f"an object is needed, got {value!r:.60}")

    def fault(self, name: str, message: str) -> None:
        self._faults.append(f"{self._at(name)}: {message}")

    def value_of(self, name: str) -> object:
        return self._members.get(name)

    def refuse_unknown(self, *known: str) -> None:
        for name in sorted(self._members.keys() - set(known)):
            self.fault(name, f"unknown; known here: {', '.join(known)}")

    def text(self, name: str) -> str:
        value = self.value_of(name)
        if isinstance(value, str) and value:
            return value
        self.fault(name, f"a non-empty string is needed, got {value!r:.60}")
        return ""

    def sagemaker_name(self, name: str) -> str:
        """A name of an endpoint or a variant. It goes into a request's path or header as it is."""
        value = self.text(name)
        if value and not _SAGEMAKER_NAME.fullmatch(value):
            self.fault(name, f"a name as SageMaker has them is needed, got {value!r:.60}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value_of(name)
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        self.fault(name, f"a list of non-empty strings is needed, got {value!r:.60}")
        return ()

    def whole(self, name: str, *, least: int = 1) -> int:
        value = self.value_of(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        kind = "a positive whole number" if least == 1 else f"a whole number from {least}"
        self.fault(name, f"{kind} is needed, got {value!r:.60}")
        return max(1, least)

    def number(self, name: str) -> float:
        value = self.value_of(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max:
            return float(value)
        self.fault(name, f"a positive number is needed, got {value!r:.60}")
        return 1.0

    def percent(self, name: str) -> float:
        value = self.number(name)
        if value > 100:
            self.fault(name, f"at most 100 percent, got {value:g}")
        return value

    def flag(self, name: str) -> bool:
        value = self.value_of(name)
        if not isinstance(value, bool):
            self.fault(name, f"true or false is needed, got {value!r:.60}")
        return value is True

    def choice(self, name: str, allowed: type[E]) -> E:
        value = self.value_of(name)
        if isinstance(value, str) and value in list(allowed):
            return allowed(value)
        self.fault(name, f"got {value!r:.60}, allowed: {', '.join(allowed)}")
        return next(iter(allowed))

    def child(self, name: str) -> Node:
        return Node(self.value_of(name), self._at(name), self._faults)

    def optional(self, name: str) -> Node | None:
        """A member that may be null, and must be there."""
        if name not in self._members:
            self.fault(name, "an object or null is needed")
            return None
        return None if self.value_of(name) is None else self.child(name)

    def children(self, name: str) -> list[tuple[str, Node]]:
        parent = self.child(name)
        return [(key, parent.child(key)) for key in parent._members]

    def names(self) -> list[str]:
        return list(self._members)

    def items(self, name: str) -> list[Node]:
        value = self.value_of(name)
        if not isinstance(value, list):
            self.fault(name, f"a list is needed, got {value!r:.60}")
            return []
        return [Node(item, f"{self._at(name)}[{index}]", self._faults) for index, item in enumerate(value)]

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if name else self._path
