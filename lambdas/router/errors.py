"""What a caller is told: OpenAI's error object, so that every OpenAI SDK raises its own matching exception.

ApiError                    status, message, type, param, code, headers
  bad_request        400    the request itself; also what an engine refuses with 422, as OpenAI's API does
  not_found          404    unknown path, use case or candidate
  method_not_allowed 405    with `allow`
  too_large          413    the body is larger than the use case takes
  upstream           429    every candidate is overloaded, with `retry-after`
                     502    candidates answered wrongly or not as a model server should
                     503    candidates are not there or not ready, with `retry-after`
                     504    no candidate answered in time
  internal_error     500    a fault of the router itself
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lambdas.router.messages import Response, json_response

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
RATE_LIMIT = "rate_limit_error"


class ApiError(Exception):
    """An answer other than success. `headers` go to the caller with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})


def render(error: ApiError) -> Response:
    """The error as a response in OpenAI's shape."""
    return json_response(error.status, error_object(error), error.headers)


def error_object(error: ApiError) -> dict[str, object]:
    """OpenAI's error object: a response's body, or a stream's last event."""
    body = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return {"error": body}


def bad_request(message: str, *, param: str | None = None, code: str | None = "invalid_value") -> ApiError:
    return ApiError(400, message, param=param, code=code)


def context_exceeded(message: str, *, param: str | None = None) -> ApiError:
    """OpenAI's own code for a prompt that is too long for the model."""
    return ApiError(400, message, param=param, code="context_length_exceeded")


def unknown_model(message: str, *, param: str = "model") -> ApiError:
    """OpenAI's own code for a `model` that is not there. `param` is what named it, where `model` did not."""
    return ApiError(404, message, param=param, code="model_not_found")


def unknown_path(path: str, known: Iterable[str]) -> ApiError:
    paths = ", ".join(known)
    return ApiError(404, f"There is nothing at {path[:200]!r}. There is: {paths}.", code="unknown_url")


def method_not_allowed(method: str, path: str, allowed: str) -> ApiError:
    message = f"{path} does not take {method[:20]}; it takes {allowed}."
    return ApiError(405, message, code="method_not_allowed", headers={"allow": allowed})


def too_large(size_bytes: int, limit_bytes: int) -> ApiError:
    message = f"The body has {size_bytes} bytes; at most {limit_bytes} are taken."
    return ApiError(413, message, code="request_too_large")


def unsupported_encoding(encoding: str) -> ApiError:
    message = f"Content-Encoding {encoding[:40]!r} is not taken: send the JSON body uncompressed."
    return ApiError(415, message, code="unsupported_encoding")


def internal_error(
    message: str = "The router failed; the request id identifies this in its log.",
) -> ApiError:
    return ApiError(500, message, kind=SERVER_ERROR, code="internal_error")


def not_configured() -> ApiError:
    message = "The router has no valid route table; its log lists every fault. Deploy the router stack again."
    return ApiError(503, message, kind=SERVER_ERROR, code="route_table_invalid")
