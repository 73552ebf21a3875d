"""What a container answers when it cannot answer, with TGI's wording and status codes.

    InvocationError            status, error type, message
    ├── InvalidRequestError    422 the request breaks a rule of this container
    ├── TemplateError          422 the model's chat template refuses the conversation
    ├── ToolError              422 the tools cannot be called, or the answer is no call
    ├── OverloadedError        429 MAX_CONCURRENT_REQUESTS are in flight
    ├── GenerationError        424 the engine failed
    ├── IncompleteError        500 the engine stopped without an end
    └── UndecodableError       4xx the body is not a request at all; answered as plain text

Source: text-generation-inference 3.3, router/src/infer/mod.rs and router/src/server.rs; axum's JSON rejections.
"""

from __future__ import annotations


class InvocationError(Exception):
    """An error answer. `message` is what the client reads."""

    status = 500
    error_type = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequestError(InvocationError):
    """A parameter is out of range, or the prompt does not fit."""

    status = 422
    error_type = "validation"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Input validation error: {reason}")
        self.reason = reason


class TemplateError(InvocationError):
    """The chat template cannot render these messages (roles out of order, no template...)."""

    status = 422
    error_type = "template_error"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Template error: {reason}")


class ToolError(InvocationError):
    """The tools of the request cannot be called, or what the model said is no call."""

    status = 422
    error_type = "tool_error"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Tool error: {reason}")


class OverloadedError(InvocationError):
    """As many requests are in flight as the container accepts."""

    status = 429
    error_type = "overloaded"

    def __init__(self) -> None:
        super().__init__("Model is overloaded")


class GenerationError(InvocationError):
    """The engine failed while it generated."""

    status = 424
    error_type = "generation"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Request failed during generation: {reason}")


class IncompleteError(InvocationError):
    """The engine's stream ended without saying why."""

    status = 500
    error_type = "incomplete_generation"

    def __init__(self) -> None:
        super().__init__("Incomplete generation")


class UndecodableError(InvocationError):
    """The body is not JSON, not a known kind of request, or too large."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
