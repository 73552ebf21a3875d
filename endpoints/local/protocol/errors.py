"""The one exception by which an embedded service answers with an AWS error."""

from __future__ import annotations

from endpoints.errors import LocalError


class ServiceError(LocalError):
    """An error answer of an AWS service.

    `code` is the name of the error's shape, `status` the HTTP status; `members` are the error's members besides
    `Message` (for example `OriginalStatusCode` of the runtime's ModelError).
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = members

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def validation_error(message: str) -> ServiceError:
    """What SageMaker and Application Auto Scaling answer to a request that they will not carry out."""
    return ServiceError("ValidationException", message)
