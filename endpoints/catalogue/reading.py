"""From a YAML file to checked items: every item on its own, so that one mistake hides no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import ValidationError

from endpoints.catalogue.faults import Fault, fault_of, shown
from endpoints.catalogue.schema import Record
from endpoints.secret_shapes import looks_secret

R = TypeVar("R", bound=Record)

_YamlLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast


class _UniqueKeyLoader(_YamlLoader):  # type: ignore[misc]  # the base is chosen at run time
    """YAML lets the last of two equal keys win silently; here that is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            keys = [key.value for key, _ in node.value]
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise yaml.constructor.ConstructorError(
                None, None, f"a key stands twice: {', '.join(twice)}", node.start_mark
            )
        return mapping


@dataclass(frozen=True)
class Item(Generic[R]):
    """One entry of a file: where it stands, its data, and the record it makes (None when it is faulty)."""

    file: str
    path: str
    raw: Any
    record: R | None


def read_document(
    path: Path, key: str, faults: list[Fault], *, also: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The mapping in a YAML file, which must hold a list under `key` and nothing but `also` beside it."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506  # a safe loader
    except OSError as error:
        faults.append(Fault(path.name, "", error.strerror or type(error).__name__, "a file that can be read"))
        return {key: []}
    except yaml.YAMLError as error:
        faults.append(_not_yaml(path.name, error))
        return {key: []}
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        faults.append(Fault(path.name, key, shown(document), f"a list under {key!r}"))
        return {key: []}
    faults += [
        Fault(path.name, str(name), shown(document[name]), "no field of this name")
        for name in document.keys() - {key} - also
    ]
    faults += _secrets(path.name, document)
    return document


def read_items(
    file: str, key: str, raw_items: list[Any], record_type: type[R], faults: list[Fault]
) -> tuple[Item[R], ...]:
    """Every raw item with the record it makes; what is wrong with the others is added to `faults`."""
    return tuple(
        _item(file, f"{key}[{position}]", raw, record_type, faults) for position, raw in enumerate(raw_items)
    )


def _item(file: str, path: str, raw: Any, record_type: type[R], faults: list[Fault]) -> Item[R]:
    try:
        return Item(file, path, raw, parse(record_type, raw))
    except ValidationError as error:
        faults += [fault_of(file, path, detail) for detail in error.errors(include_url=False)]
        return Item(file, path, raw, None)


def parse(record_type: type[R], raw: Any) -> R:
    """A record from plain YAML data; through JSON, where strict types still take lists and dates."""
    return record_type.model_validate_json(json.dumps(raw, default=str))


def _not_yaml(file: str, error: yaml.YAMLError) -> Fault:
    """Where the reader gave up, and over what: its own text also quotes a file that it has no name for."""
    mark: yaml.Mark | None = getattr(error, "problem_mark", None)
    problem: str | None = getattr(error, "problem", None)
    if mark is None or problem is None:
        return Fault(file, "", " ".join(str(error).split()), "YAML")
    return Fault(
        file,
        f"line {mark.line + 1}, column {mark.column + 1}",
        f"what makes no sense there ({problem})",
        "YAML",
    )


def _secrets(file: str, document: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(file, path, "text in the shape of a secret", "no secret; the value is not repeated here")
        for path, text in _texts(document, "")
        if looks_secret(text)
    ]


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{position}]")
