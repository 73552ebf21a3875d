"""Method and path -> operation. GET operations also take HEAD; every path answers OPTIONS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

from lambdas.router.errors import method_not_allowed, unknown_path


class Operation(StrEnum):
    """What the router can be asked for."""

    HEALTH = "health"
    LIST_MODELS = "list_models"
    SHOW_MODEL = "show_model"
    CHAT = "chat"
    COMPLETION = "completion"
    GENERATE = "generate"
    OPTIONS = "options"


ASK_A_MODEL = (Operation.CHAT, Operation.COMPLETION, Operation.GENERATE)


class Match(NamedTuple):
    """An operation, the variables of its path, and the methods that the path takes."""

    operation: Operation
    variables: Mapping[str, str]
    allowed: str


class _Path:
    def __init__(self, template: str, method: str, operation: Operation) -> None:
        self.template = template
        self.method = method
        self.operation = operation
        self.allowed = "GET, HEAD, OPTIONS" if method == "GET" else f"{method}, OPTIONS"
        self._pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))

    def variables(self, path: str) -> dict[str, str] | None:
        found = self._pattern.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


_PATHS = (
    _Path("/v1/chat/completions", "POST", Operation.CHAT),
    _Path("/v1/completions", "POST", Operation.COMPLETION),
    _Path("/v1/models", "GET", Operation.LIST_MODELS),
    _Path("/v1/models/{model}", "GET", Operation.SHOW_MODEL),
    _Path("/use-cases/{use_case}/invoke", "POST", Operation.GENERATE),
    _Path("/health", "GET", Operation.HEALTH),
)
_WITHOUT_VARIABLES = {
    (known.method, known.template): Match(known.operation, {}, known.allowed)
    for known in _PATHS
    if "{" not in known.template
}


def match(method: str, path: str) -> Match:
    """The operation for a request. Raises a 404 or 405 `ApiError`. A slash at the end makes no difference."""
    spelt_out = _WITHOUT_VARIABLES.get((method, path))
    if spelt_out is not None:
        return spelt_out
    for known in _PATHS:
        variables = known.variables(path.rstrip("/"))
        if variables is not None:
            return _match_method(known, variables, method, path)
    raise unknown_path(path, [f"{known.method} {known.template}" for known in _PATHS])


def is_known(path: str) -> bool:
    """Whether any method is served at `path`."""
    return any(known.variables(path.rstrip("/")) is not None for known in _PATHS)


def _match_method(known: _Path, variables: dict[str, str], method: str, path: str) -> Match:
    if method == "OPTIONS":
        return Match(Operation.OPTIONS, variables, known.allowed)
    wanted = "GET" if method == "HEAD" else method
    if wanted != known.method:
        raise method_not_allowed(method, path[:200], known.allowed)
    return Match(known.operation, variables, known.allowed)
