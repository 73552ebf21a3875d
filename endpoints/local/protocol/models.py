"""botocore's service models: what a request may hold and what an answer must hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape


@lru_cache(maxsize=8)
def service_model(service: str) -> ServiceModel:
    """The model of a service by its botocore name: "sagemaker", "application-autoscaling", ..."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def children(shape: Shape) -> Iterator[Shape]:
    """The shapes that a shape is directly made of."""
    if isinstance(shape, StructureShape):
        yield from shape.members.values()
    elif isinstance(shape, ListShape):
        yield shape.member
    elif isinstance(shape, MapShape):
        yield shape.key
        yield shape.value
