"""Values of a CloudFormation template as the parameters of an API operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from endpoints.local.protocol.models import service_model


def api_parameters(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """`properties` with the strings that templates deliver turned into what the operation's model asks for.

    Properties that the operation does not have stay as they are: the service names and refuses them.
    """
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None  # noqa: S101 -- every operation used here takes parameters
    parameters: dict[str, Any] = coerce(dict(properties), shape)
    return parameters


def coerce(value: Any, shape: Shape) -> Any:
    """`value` as `shape`: "2" as an integer, "true" as a boolean, 3 as a string; what does not fit stays."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        return {
            name: coerce(item, members[name]) if name in members else item for name, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {str(key): coerce(item, shape.value) for key, item in value.items()}
    return _scalar(value, shape.type_name)


def _scalar(value: Any, type_name: str) -> Any:
    if type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    if type_name == "string" and isinstance(value, int | float):
        return str(value)
    if type_name == "boolean" and value in ("true", "false"):
        return value == "true"
    if isinstance(value, str) and type_name in _NUMBERS:
        return _number(value, _NUMBERS[type_name])
    return value


Number = type[int] | type[float]
_NUMBERS: Mapping[str, Number] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}


def _number(text: str, kind: Number) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text  # the service says what it wanted instead


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[str]]:
    """Tags to add and keys to remove between two `Tags` properties."""
    before, after = _tags(old), _tags(new)
    added = [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]
    return added, [key for key in before if key not in after]


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags", [])}
