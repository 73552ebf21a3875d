"""Values of a template as CloudFormation would resolve them, from facts gathered beforehand. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NO_VALUE: Final = object()
"""What `AWS::NoValue` resolves to: the property is left out."""

_NAMES: Final = frozenset({"ModelName", "EndpointConfigName", "EndpointName"})
_PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^}]+)\}")


@dataclass(frozen=True)
class Unresolved:
    """A value that cannot be known from what was gathered, and why."""

    why: str

    def __str__(self) -> str:
        return f"(unknown: {self.why})"


@dataclass(frozen=True, kw_only=True)
class StackValues:
    """What the intrinsics of one stack's template refer to.

    `physical_ids` by logical id; `pseudo` holds `AWS::Region` and the like; `exports` are the account's, by name.
    """

    pseudo: Mapping[str, str] = field(default_factory=dict)
    physical_ids: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)


def resolve(value: Any, values: StackValues) -> Any:
    """`value` with every intrinsic replaced; where that is impossible an `Unresolved` stands. Never raises."""
    if isinstance(value, list):
        return [item for item in (resolve(item, values) for item in value) if item is not NO_VALUE]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        (name, argument), *_ = value.items()
        if name in _INTRINSICS:
            return _INTRINSICS[name](argument, values)
        if str(name).startswith("Fn::"):
            return Unresolved(f"{name} is not understood here")
    resolved = {name: resolve(item, values) for name, item in value.items()}
    return {name: item for name, item in resolved.items() if item is not NO_VALUE}


def name_of(identifier: str) -> str:
    """The name in an ARN such as `arn:...:endpoint-config/name`; a name stays itself."""
    return identifier.rsplit("/", 1)[-1] if identifier.startswith("arn:") else identifier


def same_name(one: Any, other: Any) -> bool:
    """SageMaker's ARNs carry names in lower case, and no two names differ by case alone."""
    return isinstance(one, str) and isinstance(other, str) and one.lower() == other.lower()


def _ref(name: Any, values: StackValues) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    for known in (values.pseudo, values.physical_ids, values.parameters):
        if name in known:
            return known[name]
    return Unresolved(f"{name} is not in the stack")


def _get_att(argument: Any, values: StackValues) -> Any:
    logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    physical_id = values.physical_ids.get(logical_id)
    if physical_id is None:
        return Unresolved(f"{logical_id} is not in the stack")
    if attribute in _NAMES:
        return name_of(physical_id)
    if attribute in ("Id", "PolicyARN") or physical_id.startswith("arn:"):
        return physical_id
    return Unresolved(f"{logical_id}.{attribute} is not among the facts that CloudFormation lists")


def _join(argument: Any, values: StackValues) -> Any:
    separator, parts = argument
    resolved = resolve(parts, values)
    missing = _first_unresolved(resolved)
    return missing or str(separator).join(map(str, resolved))


def _sub(argument: Any, values: StackValues) -> Any:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    variables = {name: resolve(item, values) for name, item in own.items()}
    found: list[Any] = []

    def replaced(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        value = variables[name] if name in variables else _named(name, values)
        found.append(value)
        return str(value)

    result = _PLACEHOLDER.sub(replaced, text)
    return _first_unresolved(found) or result


def _named(name: str, values: StackValues) -> Any:
    return _get_att(name, values) if "." in name else _ref(name, values)


def _import_value(argument: Any, values: StackValues) -> Any:
    name = resolve(argument, values)
    if isinstance(name, Unresolved):
        return name
    return values.exports.get(name, Unresolved(f"no stack exports {name}"))


def _select(argument: Any, values: StackValues) -> Any:
    index, items = argument[0], resolve(argument[1], values)
    missing = items if isinstance(items, Unresolved) else _first_unresolved(items)
    if missing:
        return missing
    return items[int(index)] if int(index) < len(items) else Unresolved(f"Fn::Select {index} of {len(items)}")


def _split(argument: Any, values: StackValues) -> Any:
    text = resolve(argument[1], values)
    return text if isinstance(text, Unresolved) else str(text).split(argument[0])


def _first_unresolved(values: Any) -> Unresolved | None:
    items = values if isinstance(values, list) else [values]
    return next((item for item in items if isinstance(item, Unresolved)), None)


_INTRINSICS: Final[Mapping[str, Callable[[Any, StackValues], Any]]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Sub": _sub,
    "Fn::ImportValue": _import_value,
    "Fn::Select": _select,
    "Fn::Split": _split,
}
