"""Constraints of a service model that botocore's own validator leaves to the service.

botocore's `ParamValidator` knows required members, types, unknown members and minima. Maxima, patterns and enums are
the service's business, and the wording of every violation is its own: "1 validation error detected: Value 'x' at
'endpointName' failed to satisfy constraint: Member must ...".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

from endpoints.local.protocol.errors import ServiceError, validation_error
from endpoints.local.protocol.patterns import compiled

_Violations = Iterator[str]
_SHOWN_CHARS = 300  # an environment of 100 KiB helps nobody in an error message


def validate(params: Mapping[str, Any], shape: Shape | None) -> None:
    """Raise a ServiceError naming every violation of `shape` in `params` (botocore's Python shapes)."""
    if shape is None:
        return
    violations = list(_violations(params, shape, ""))
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise validation_error(f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
    report = ParamValidator().validate(dict(params), shape)
    if report.has_errors():
        raise ServiceError("SerializationException", report.generate_report())


def _violations(value: Any, shape: Shape, path: str) -> _Violations:
    """Violations in `value`; a value of the wrong type yields none, botocore's validator reports it."""
    check = _CHECKS.get(shape.type_name)
    if check is not None:
        yield from check(value, shape, path)


def _structure(value: Any, shape: Shape, path: str) -> _Violations:
    structure = cast(StructureShape, shape)
    if not isinstance(value, Mapping):
        return
    for name in structure.required_members:
        if value.get(name) is None:
            yield _failed("null", _join(path, name), "Member must not be null")
    for name, member in structure.members.items():
        if value.get(name) is not None:
            yield from _violations(value[name], member, _join(path, name))


def _list(value: Any, shape: Shape, path: str) -> _Violations:
    if not isinstance(value, list | tuple):
        return
    yield from _length(value, shape, path)
    for index, item in enumerate(value, start=1):
        yield from _violations(item, cast(ListShape, shape).member, f"{path}.{index}.member")


def _map(value: Any, shape: Shape, path: str) -> _Violations:
    if not isinstance(value, Mapping):
        return
    mapping = cast(MapShape, shape)
    yield from _length(value, shape, path)
    yield from _map_side(value, list(value), "keys", mapping.key, path)
    yield from _map_side(value, list(value.values()), "value", mapping.value, path)


def _map_side(value: Mapping[str, Any], items: list[Any], side: str, shape: Shape, path: str) -> _Violations:
    """SageMaker reports what is wrong with a map's keys or values once, at the map."""
    marker = "constraint: "
    wrong = {text.split(marker, 1)[1]: None for item in items for text in _violations(item, shape, path)}
    if wrong:
        yield _failed(_shown(dict(value)), path, f"Map {side} must satisfy constraint: [{', '.join(wrong)}]")


def _string(value: Any, shape: Shape, path: str) -> _Violations:
    if not isinstance(value, str):
        return
    yield from _length(value, shape, path)
    enum = cast(StringShape, shape).enum
    if enum and value not in enum:
        yield _failed(_shown(value), path, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not compiled(pattern).fullmatch(value):
        yield _failed(_shown(value), path, f"Member must satisfy regular expression pattern: {pattern}")


def _blob(value: Any, shape: Shape, path: str) -> _Violations:
    if isinstance(value, bytes | bytearray):
        yield from _length(value, shape, path)


def _number(value: Any, shape: Shape, path: str) -> _Violations:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounds(value, shape, "value", _shown(value), path)


def _length(value: Any, shape: Shape, path: str) -> _Violations:
    yield from _bounds(len(value), shape, "length", "" if isinstance(value, bytes) else _shown(value), path)


def _bounds(size: float, shape: Shape, noun: str, shown: str, path: str) -> _Violations:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _failed(shown, path, f"Member must have {noun} greater than or equal to {low}")
    if high is not None and size > high:
        yield _failed(shown, path, f"Member must have {noun} less than or equal to {high}")


def _failed(shown: str, path: str, constraint: str) -> str:
    value = f"Value {shown}" if shown else "Value"
    return f"{value} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    text = str(value)
    return f"'{text}'" if len(text) <= _SHOWN_CHARS else f"'{text[:_SHOWN_CHARS]}…'"


def _join(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


_CHECKS: dict[str, Callable[[Any, Shape, str], _Violations]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": _blob,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}
