"""Everything that is wrong with the catalogue's data, reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from endpoints.errors import CatalogueError
from endpoints.secret_shapes import looks_secret

_LONGEST_VALUE_SHOWN = 60


@dataclass(frozen=True)
class Fault:
    """One mistake: in which file, at which path, what stands there, what may stand there."""

    file: str
    path: str
    got: str
    allowed: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        return f"{place}: got {self.got}; allowed: {self.allowed}"


class InvalidCatalogueError(CatalogueError):
    """The catalogue's data is wrong; `faults` holds every mistake found in every file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(
            f"{count} in the catalogue:\n" + "\n".join(f"  {fault}" for fault in self.faults),
            remedy="docs/catalogue.md says how the data is laid out.",
        )


def shown(value: object) -> str:
    """A value as an error message shows it: short, on one line, and never a secret."""
    text = repr(value)
    if looks_secret(text):
        return "text in the shape of a secret"
    return text if len(text) <= _LONGEST_VALUE_SHOWN else text[: _LONGEST_VALUE_SHOWN - 1] + "…"


def path_of(prefix: str, location: Sequence[int | str]) -> str:
    """`use_cases[2].candidates[0].instance_type` from a prefix and pydantic's location."""
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def fault_of(file: str, prefix: str, error: ErrorDetails) -> Fault:
    """A pydantic error in the catalogue's terms."""
    return Fault(file, path_of(prefix, error["loc"]), _got(error), _allowed(error))


def _got(error: ErrorDetails) -> str:
    return "nothing" if error["type"] == "missing" else shown(error["input"])


def _allowed(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return "no field of this name"
        case "missing":
            return "a value; this field is required"
        case "enum" | "literal_error":
            return str(context["expected"])
        case "string_pattern_mismatch":
            return f"text that matches {context['pattern']}"
        case "value_error":
            return str(context["error"])
        case _:
            return error["msg"].removeprefix("Input should be ")
