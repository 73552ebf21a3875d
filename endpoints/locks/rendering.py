"""A lock as YAML: for people who review it, one line per file, in an order that makes small diffs."""

from __future__ import annotations

from typing import Any, Final

import yaml

from endpoints.locks.schema import Lock, LockedFile

HEADER: Final = """\
# What {environment} runs: bytes by commit, images and hosts, and the settings that change behaviour.
# Written by `adept lock --env {environment}`; synth refuses what disagrees with the catalogue. See docs/locks.md.
"""


class _OneLine(dict[str, Any]):
    """A mapping that is written on one line."""


class _Words(list[str]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Indents the items of a list, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


_Dumper.add_representer(
    _OneLine,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True),
)
_Dumper.add_representer(
    _Words,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)


def render(lock: Lock) -> str:
    """The whole file, as it should be committed."""
    document = lock.model_dump(mode="json")
    for snapshot, raw in zip(lock.snapshots, document["snapshots"], strict=True):
        if snapshot.files is not None:
            raw["files"] = [_file(file) for file in snapshot.files]
    for raw in document["candidates"]:
        raw["image"] = _OneLine(raw["image"])
        raw["settings"] = _present(raw["settings"])
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return HEADER.format(environment=lock.environment) + text


def _file(file: LockedFile) -> _OneLine:
    return _OneLine(file.model_dump(mode="json", exclude_none=True))


def _present(settings: dict[str, Any]) -> dict[str, Any]:
    """Without settings that a candidate does not make."""
    made = {name: value for name, value in settings.items() if value not in (None, [])}
    return {name: _Words(value) if isinstance(value, list) else value for name, value in made.items()}
