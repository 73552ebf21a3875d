"""What the embedded services share: botocore's models, request validation, the JSON 1.1 wire, event streams."""

from endpoints.local.protocol.errors import ServiceError, validation_error
from endpoints.local.protocol.service import Handler, ModelledService

__all__ = ["Handler", "ModelledService", "ServiceError", "validation_error"]
