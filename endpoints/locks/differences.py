"""What differs between two locks: between environments, or between before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from endpoints.catalogue import CandidateRole
from endpoints.locks.recording import byte_differences
from endpoints.locks.schema import Lock, LockedCandidate, LockedSnapshot

_MOST_FILES_NAMED = 3


@dataclass(frozen=True)
class Difference:
    """One field of one candidate or snapshot. None: the other lock has no such thing, or does not say."""

    where: str
    field: str
    first: str | None
    second: str | None


def differences(first: Lock, second: Lock) -> tuple[Difference, ...]:
    """By candidate, then by snapshot; empty when both run the same. The environments' names are no difference."""
    return (*_candidates(first, second), *_snapshots(first, second))


def size_text(size_bytes: int) -> str:
    """`16.06 GB`: decimal, as the Hub shows sizes."""
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.2f} MB"


def _candidates(first: Lock, second: Lock) -> Iterator[Difference]:
    for place in sorted({*first.by_place, *second.by_place}, key=_order):
        one, other = first.by_place.get(place), second.by_place.get(place)
        where = f"{place[0]} ({place[1]})"
        if one is None or other is None:
            yield Difference(where, "candidate", _summary(one), _summary(other))
            continue
        mine, its = _values(one), _values(other)
        for field in mine:
            if mine[field] != its[field]:
                yield Difference(where, field, _text(mine[field]), _text(its[field]))


def _order(place: tuple[str, CandidateRole]) -> tuple[str, int]:
    return place[0], list(CandidateRole).index(place[1])


def _values(candidate: LockedCandidate) -> dict[str, Any]:
    values = candidate.model_dump(mode="json", exclude={"use_case", "role", "image", "settings"})
    settings = candidate.settings.model_dump(mode="json")
    image = candidate.image
    return {
        **{name.replace("_", " "): value for name, value in values.items()},
        "image": f"{image.repository}:{image.tag}",
        "digest": image.digest,
        **{name.replace("_", " "): value for name, value in settings.items()},
    }


def _snapshots(first: Lock, second: Lock) -> Iterator[Difference]:
    """Of commits that both run; a commit that only one runs is a candidate's difference."""
    for source in sorted(first.by_source.keys() & second.by_source.keys(), key=str):
        one, other = first.by_source[source], second.by_source[source]
        for field, mine, its in (
            ("licence", one.licence, other.licence),
            ("gated", one.gated, other.gated),
            ("files", _files(one), _files(other)),
        ):
            if mine != its:
                yield Difference(one.name, field, _text(mine), _text(its))
        if one.files and other.files and (found := byte_differences(one.files, other.files)):
            more = f" and {len(found) - _MOST_FILES_NAMED} more" if len(found) > _MOST_FILES_NAMED else ""
            yield Difference(one.name, "bytes", None, "; ".join(found[:_MOST_FILES_NAMED]) + more)


def _files(snapshot: LockedSnapshot) -> str:
    if snapshot.files is None or snapshot.total_bytes is None:
        return "not recorded"
    return f"{len(snapshot.files)} files, {size_text(snapshot.total_bytes)}"


def _summary(candidate: LockedCandidate | None) -> str | None:
    return f"{candidate.weights}@{candidate.revision}" if candidate else None


def _text(value: object) -> str | None:
    if value is None or value == []:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
