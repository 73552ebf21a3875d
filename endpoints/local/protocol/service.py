"""A service that answers the operations of a botocore model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import OperationModel

from endpoints.local.protocol.constraints import validate
from endpoints.local.protocol.errors import ServiceError
from endpoints.local.protocol.models import service_model

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class ModelledService:
    """Validates parameters against the model, then hands them to the operation's handler."""

    def __init__(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self.model = service_model(service)
        self._service = service
        self._handlers = handlers

    @property
    def operation_names(self) -> list[str]:
        """What is implemented here."""
        return sorted(self._handlers)

    def operation(self, name: str) -> OperationModel:
        """The model of an operation that is implemented here; ServiceError UnknownOperationException otherwise."""
        if name not in self._handlers:
            raise ServiceError(
                "UnknownOperationException",
                f"The embedded {self._service} has no operation {name}. It has: {', '.join(self.operation_names)}.",
            )
        return self.model.operation_model(name)

    def call(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation on botocore's Python shapes. Raises ServiceError."""
        validate(params, self.operation(name).input_shape)
        return self._handlers[name](params)
