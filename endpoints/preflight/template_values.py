"""Reading a synthesised CloudFormation template: references, and the text around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]
Properties = Mapping[str, Any]


def resources(template: Template, resource_type: str) -> Iterator[tuple[str, Properties]]:
    """Logical ids and properties of the resources of a type."""
    for logical_id, resource in template.get("Resources", {}).items():
        if resource.get("Type") == resource_type:
            yield logical_id, resource.get("Properties", {})


def referenced(value: Any) -> str | None:
    """The logical id that `Ref` or `Fn::GetAtt` names; None for anything else."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            return logical_id
        case {"Fn::GetAtt": str(dotted)}:
            return dotted.partition(".")[0]
        case _:
            return None


def literal_text(value: Any) -> str:
    """The text that the template itself spells out; what CloudFormation would fill in is left out."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(literal_text(part) for part in parts)
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            return text
        case _:
            return ""


def as_list(value: Any) -> list[Any]:
    """IAM and CloudFormation take one value where a list of one is meant."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
