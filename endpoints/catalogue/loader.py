"""Reads the catalogue's six YAML files, checks each and all together, and reports every fault at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from endpoints.catalogue.catalogue import Catalogue, named
from endpoints.catalogue.faults import Fault, InvalidCatalogueError, shown
from endpoints.catalogue.reading import Item, parse, read_document, read_items
from endpoints.catalogue.references import Known, borrowing_faults, candidate_faults
from endpoints.catalogue.schema import (
    Candidate,
    Container,
    Environment,
    InstanceFacts,
    ModelFacts,
    Record,
    StoragePrice,
    UseCase,
)

PACKAGE_DIRECTORY = Path(__file__).parent
R = TypeVar("R", bound=Record)


@lru_cache(maxsize=8)
def load_catalogue(directory: Path | None = None) -> Catalogue:
    """The catalogue in `directory` (the package's own by default), checked; read once per process.

    Raises InvalidCatalogueError, a CatalogueError that names every mistake in every file.
    """
    root = directory or PACKAGE_DIRECTORY
    faults: list[Fault] = []
    models = _read(root / "models.yaml", "models", ModelFacts, faults)
    instances = _read_instances(root / "instances.yaml", faults)
    containers = _read(root / "containers.yaml", "containers", Container, faults)
    environments = _read(root / "environments.yaml", "environments", Environment, faults)
    storage = _read(root / "storage.yaml", "storage", StoragePrice, faults)
    use_cases = _read(root / "use_cases.yaml", "use_cases", UseCase, faults)

    known = Known(_models_by_name(models), _by(instances, "instance_type"), _by(containers, "engine"))
    faults += _duplicates(models, "canonical_id") + _duplicates(models, "model_id")
    faults += _duplicates(instances, "instance_type") + _duplicates(containers, "engine")
    faults += _duplicates(environments, "name") + _duplicates(use_cases, "id")
    faults += _duplicates(storage, "region")
    faults += _form_faults(models, known)
    faults += [
        fault
        for file, path, candidate in _candidates(use_cases)
        for fault in candidate_faults(file, path, candidate, known)
    ]
    faults += _borrowing_faults(use_cases, faults)
    if faults:
        raise InvalidCatalogueError(faults)
    return Catalogue(
        models=_records(models),
        use_cases=_records(use_cases),
        instances=_records(instances),
        containers=_records(containers),
        environments=_records(environments),
        storage=_records(storage),
    )


def load_environment(name: str, directory: Path | None = None) -> Environment:
    """One environment by its own file alone: where it runs can be known while the rest of the catalogue has faults.

    Raises InvalidCatalogueError, and CatalogueError with suggestions for an unknown name.
    """
    faults: list[Fault] = []
    path = (directory or PACKAGE_DIRECTORY) / "environments.yaml"
    environments = _records(_read(path, "environments", Environment, faults))
    if faults:
        raise InvalidCatalogueError(faults)
    return named({environment.name: environment for environment in environments}, name, "environment")


def _read(path: Path, key: str, record_type: type[R], faults: list[Fault]) -> tuple[Item[R], ...]:
    document = read_document(path, key, faults)
    return read_items(path.name, key, document[key], record_type, faults)


def _read_instances(path: Path, faults: list[Fault]) -> tuple[Item[InstanceFacts], ...]:
    """Instances name their card; the file describes each card once, under `gpus`."""
    document = read_document(path, "instances", faults, also=frozenset({"gpus"}))
    gpus = document.get("gpus")
    gpus = gpus if isinstance(gpus, dict) else {}
    raw_items = [_with_gpu(raw, gpus) for raw in document["instances"]]
    return read_items(path.name, "instances", raw_items, InstanceFacts, faults)


def _with_gpu(raw: Any, gpus: Mapping[str, Any]) -> Any:
    if not isinstance(raw, dict) or not isinstance(raw.get("gpu"), str):
        return raw
    return raw | {"gpu": gpus.get(raw["gpu"], raw["gpu"])}


def _records(items: tuple[Item[R], ...]) -> tuple[R, ...]:
    return tuple(item.record for item in items if item.record is not None)


def _raw_value(item: Item[Any], field: str) -> str | None:
    """The text that a faulty item has in `field`, so that it still counts as known."""
    value = item.raw.get(field) if isinstance(item.raw, dict) else None
    return value if isinstance(value, str) else None


def _by(items: tuple[Item[R], ...], field: str) -> dict[str, R | None]:
    return {name: item.record for item in items if (name := _raw_value(item, field)) is not None}


def _models_by_name(items: tuple[Item[ModelFacts], ...]) -> dict[str, ModelFacts | None]:
    index = _by(items, "model_id") | _by(items, "canonical_id")
    return index | {name: model for model in _records(items) for name in model.also_known_as}


def _duplicates(items: tuple[Item[Any], ...], field: str) -> list[Fault]:
    counts = Counter(_raw_value(item, field) for item in items)
    return [
        Fault(item.file, f"{item.path}.{field}", shown(value), "a name that no other entry has")
        for item in items
        if (value := _raw_value(item, field)) is not None and counts[value] > 1
    ]


def _form_faults(models: tuple[Item[ModelFacts], ...], known: Known) -> list[Fault]:
    canonical_ids = {
        name for name, model in known.models.items() if model is None or model.canonical_id == name
    }
    return [
        Fault(
            item.file,
            f"{item.path}.quantised_form_of",
            shown(item.record.quantised_form_of),
            "the canonical id of a model of the catalogue",
        )
        for item in models
        if item.record
        and item.record.quantised_form_of
        and item.record.quantised_form_of not in canonical_ids
    ]


def _borrowing_faults(use_cases: tuple[Item[UseCase], ...], faults: list[Fault]) -> list[Fault]:
    """Between use cases that are sound themselves: a fault of a lender is reported once, where it is."""
    faulty = {fault.path.partition(".")[0] for fault in faults if fault.file == "use_cases.yaml"}
    sound = {item.record.id: item.record for item in use_cases if item.record and item.path not in faulty}
    named = {item.raw.get("id") for item in use_cases if isinstance(item.raw, dict)}
    unsound = named - sound.keys()
    return [
        fault
        for item in use_cases
        if item.record is not None and item.record.id in sound
        for position, candidate in enumerate(item.record.candidates)
        if candidate.borrowed_from not in unsound
        for fault in borrowing_faults(
            item.file, f"{item.path}.candidates[{position}]", item.record, candidate, sound
        )
    ]


def _candidates(use_cases: tuple[Item[UseCase], ...]) -> Iterator[tuple[str, str, Candidate]]:
    """Every candidate that can be read, those of otherwise faulty use cases included."""
    for item in use_cases:
        raw_candidates = item.raw.get("candidates") if isinstance(item.raw, dict) else None
        if item.record is not None:
            candidates = dict(enumerate(item.record.candidates))
        elif isinstance(raw_candidates, list):
            candidates = {position: c for position, raw in enumerate(raw_candidates) if (c := _readable(raw))}
        else:
            candidates = {}
        for position, candidate in candidates.items():
            yield item.file, f"{item.path}.candidates[{position}]", candidate


def _readable(raw: Any) -> Candidate | None:
    try:
        return parse(Candidate, raw)
    except ValidationError:
        return None  # its own faults are already reported
