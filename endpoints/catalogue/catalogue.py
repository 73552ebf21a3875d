"""The catalogue in memory: every record, found by name without a scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Self, TypeVar

from endpoints.catalogue.schema import (
    Container,
    Engine,
    Environment,
    InstanceFacts,
    ModelFacts,
    Record,
    StoragePrice,
    UseCase,
)
from endpoints.errors import CatalogueError

T = TypeVar("T")
MOST_SUGGESTED = 5
MOST_LISTED = 12


class Catalogue(Record):
    """Models, use cases, instances, containers, environments and storage prices, already checked against each other."""

    models: tuple[ModelFacts, ...]
    use_cases: tuple[UseCase, ...]
    instances: tuple[InstanceFacts, ...]
    containers: tuple[Container, ...]
    environments: tuple[Environment, ...]
    storage: tuple[StoragePrice, ...]

    def model(self, model_id: str) -> ModelFacts:
        """Facts by listed, canonical or any other known name. Raises CatalogueError with suggestions."""
        return named(self.by_model_id, model_id, "model")

    def use_case(self, use_case_id: str) -> UseCase:
        """Raises CatalogueError with suggestions."""
        return named(self.by_use_case_id, use_case_id, "use case")

    def instance(self, instance_type: str) -> InstanceFacts:
        """Raises CatalogueError with suggestions."""
        return named(self.by_instance_type, instance_type, "instance type")

    def container(self, engine: Engine) -> Container:
        """The image that serves with `engine`. Raises CatalogueError when none is locked."""
        return named(self.by_engine, engine, "container")

    def environment(self, name: str) -> Environment:
        """Raises CatalogueError with suggestions."""
        return named(self.by_environment_name, name, "environment")

    def storage_price(self, region: str) -> StoragePrice | None:
        """What S3 costs in `region`; None when nobody has looked it up."""
        return next((price for price in self.storage if price.region == region), None)

    def quantised_forms(self, model_id: str) -> tuple[ModelFacts, ...]:
        """The repositories of this catalogue that hold smaller forms of the model."""
        canonical_id = self.model(model_id).canonical_id
        return tuple(model for model in self.models if model.quantised_form_of == canonical_id)

    def with_use_cases(self, use_cases: Iterable[UseCase]) -> Self:
        """The same catalogue with other use cases, which are not checked against the rest again."""
        return self.model_copy(update={"use_cases": tuple(use_cases)})

    @cached_property
    def by_model_id(self) -> Mapping[str, ModelFacts]:
        """Every name of every model."""
        return {name: model for model in self.models for name in model.names}

    @cached_property
    def by_use_case_id(self) -> Mapping[str, UseCase]:
        """Use cases by id."""
        return {use_case.id: use_case for use_case in self.use_cases}

    @cached_property
    def by_instance_type(self) -> Mapping[str, InstanceFacts]:
        """Instances by type."""
        return {instance.instance_type: instance for instance in self.instances}

    @cached_property
    def by_engine(self) -> Mapping[str, Container]:
        """Containers by engine."""
        return {container.engine: container for container in self.containers}

    @cached_property
    def by_environment_name(self) -> Mapping[str, Environment]:
        """Environments by name."""
        return {environment.name: environment for environment in self.environments}


def named(index: Mapping[str, T], key: str, noun: str) -> T:
    """Raises CatalogueError with suggestions."""
    try:
        return index[key]
    except KeyError:
        raise CatalogueError(f"no {noun} {key!r} in the catalogue", remedy=suggest(key, index)) from None


def suggest(key: str, known: Iterable[str]) -> str:
    """What to try instead of `key`, whatever its case: names that hold it, else names like it, else what there is."""
    names = sorted(known)
    meant = _holding(key, names) or _like(key, names)
    if meant:
        return f"Did you mean: {_listed(meant, MOST_SUGGESTED)}?"
    return f"Known: {_listed(names, MOST_LISTED)}."


def _holding(key: str, names: Sequence[str]) -> list[str]:
    part = key.strip().lower()
    return [name for name in names if part in name.lower()] if part else []


def _like(key: str, names: Sequence[str]) -> list[str]:
    """Spelt nearly so, the whole name or its last part: people leave a repository's owner out."""
    by_spelling = {name.lower().rpartition("/")[2]: name for name in names}
    by_spelling |= {name.lower(): name for name in names}
    close = get_close_matches(key.lower(), by_spelling, n=MOST_SUGGESTED, cutoff=0.6)
    return list(dict.fromkeys(by_spelling[spelling] for spelling in close))


def _listed(names: Sequence[str], most: int) -> str:
    left_out = len(names) - most
    return ", ".join(names[:most]) + (f" and {left_out} more" if left_out > 0 else "")
