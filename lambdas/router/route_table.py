"""The route table: which endpoint and which candidates serve a use case.

The product renders it (`version` 1), the deploy puts it beside the code, and the router parses it here. An
invalid table is refused whole, with every fault at once: serving half a table would be a silent outage. Table and
code travel in one bundle and so change in one step; a field that this code does not know is a fault, never the future.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

VERSION = 1

E = TypeVar("E", bound=StrEnum)


class Engine(StrEnum):
    """The server inside the container; it decides which schemas and parameters work."""

    TGI = "tgi"
    VLLM = "vllm"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request to a use case may ask for."""

    max_body_bytes: int
    max_messages: int
    max_output_tokens: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that can answer for a use case: a production variant of its endpoint."""

    role: str  # "primary", "alternative": what callers name
    variant: str  # the production variant that TargetVariant takes
    endpoint_name: str  # its use case's own, or the one it is borrowed from
    model_id: str
    engine: Engine
    max_total_tokens: int


@dataclass(frozen=True, slots=True)
class Route:
    """A use case and its candidates, first choice first (never empty)."""

    use_case: str
    limits: Limits
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Every use case of one environment."""

    environment: str
    routes: Mapping[str, Route]

    def current(self) -> RouteTable:
        """A table is its own source, one that never changes."""
        return self

    @property
    def max_body_bytes(self) -> int:
        """The largest body that any use case takes: nothing larger is worth parsing."""
        return max(route.limits.max_body_bytes for route in self.routes.values())


class RouteTableSource(Protocol):
    """Where the router finds its table."""

    def current(self) -> RouteTable:
        """The table of this moment. Asked once per request, so it waits for nothing."""


class RouteTableError(Exception):
    """The table is invalid; `faults` are all of them, each with its place."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("the route table is invalid: " + "; ".join(faults))
        self.faults = faults


def load_route_table(text: str) -> RouteTable:
    """Parse the table's JSON text. Raises `RouteTableError`."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RouteTableError((f"not JSON: {error}",)) from error
    return parse_route_table(document)


def parse_route_table(document: object) -> RouteTable:
    """Check and freeze a decoded table. Raises `RouteTableError` with every fault."""
    faults: list[str] = []
    root = _Node(document, "$", faults)
    if root.value_of("version") != VERSION:
        raise RouteTableError((f"$.version: got {root.value_of('version')!r}, this router reads {VERSION}",))
    root.refuse_unknown("version", "environment", "use_cases")
    environment = root.text("environment")
    routes = {name: _route(name, node) for name, node in root.children("use_cases")}
    if not routes and not faults:
        faults.append("$.use_cases: at least one use case is needed")
    if faults:
        raise RouteTableError(tuple(faults))
    return RouteTable(environment=environment, routes=routes)


def _route(use_case: str, node: _Node) -> Route:
    node.refuse_unknown("endpoint_name", "limits", "candidates")
    if ":" in use_case:
        node.fault("", "a use case's id holds no colon: it separates the candidate")
    return Route(
        use_case=use_case,
        limits=_limits(node.child("limits")),
        candidates=_candidates(node),
    )


def _limits(node: _Node) -> Limits:
    names = ("max_body_bytes", "max_messages", "max_output_tokens", "timeout_ms")
    node.refuse_unknown(*names)
    return Limits(**{name: node.positive(name) for name in names})


def _candidates(route: _Node) -> tuple[Candidate, ...]:
    own_endpoint = route.text("endpoint_name")
    candidates = tuple(_candidate(node, own_endpoint) for node in route.items("candidates"))
    roles = [candidate.role for candidate in candidates]
    if not roles:
        route.fault("candidates", "at least one candidate is needed")
    if len(set(roles)) != len(roles):
        route.fault("candidates", f"each role appears once, got {roles}")
    return candidates


def _candidate(node: _Node, own_endpoint: str) -> Candidate:
    node.refuse_unknown("role", "variant", "endpoint_name", "model_id", "engine", "max_total_tokens")
    borrowed = node.value_of("endpoint_name") is not None
    return Candidate(
        role=node.text("role"),
        variant=node.text("variant"),
        endpoint_name=node.text("endpoint_name") if borrowed else own_endpoint,
        model_id=node.text("model_id"),
        engine=node.choice("engine", Engine, Engine.TGI),
        max_total_tokens=node.positive("max_total_tokens"),
    )


class _Node:
    """A place in the document: reads typed members and notes what is wrong with them.

    A faulty member reads as a harmless stand-in so that the walk goes on and finds the other faults;
    the stand-ins never leave this module, because any fault refuses the table.
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
        for name in self._members.keys() - set(known):
            self.fault(name, f"unknown; known here: {', '.join(known)}")

    def text(self, name: str) -> str:
        value = self.value_of(name)
        if isinstance(value, str) and value:
            return value
        self.fault(name, f"a non-empty string is needed, got {value!r:.60}")
        return ""

    def positive(self, name: str) -> int:
        value = self.value_of(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self.fault(name, f"a positive whole number is needed, got {value!r:.60}")
        return 1

    def choice(self, name: str, allowed: type[E], stand_in: E) -> E:
        value = self.value_of(name)
        if value in [str(member) for member in allowed]:
            return allowed(value)
        self.fault(name, f"got {value!r:.60}, allowed: {', '.join(allowed)}")
        return stand_in

    def child(self, name: str) -> _Node:
        return _Node(self.value_of(name), self._at(name), self._faults)

    def children(self, name: str) -> list[tuple[str, _Node]]:
        parent = self.child(name)
        return [(key, parent.child(key)) for key in parent._members]

    def items(self, name: str) -> list[_Node]:
        value = self.value_of(name)
        if not isinstance(value, list):
            self.fault(name, f"a list is needed, got {value!r:.60}")
            return []
        return [_Node(item, f"{self._at(name)}[{index}]", self._faults) for index, item in enumerate(value)]

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if name else self._path
