"""Text and lists in a template that nothing has been deployed from: what it spells out itself."""

from __future__ import annotations

from typing import Any


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
