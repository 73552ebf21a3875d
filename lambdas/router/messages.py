"""The request and the response as the core sees them: no Lambda event, no HTTP server, no AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self

JSON_TYPE = "application/json"
EVENT_STREAM_TYPE = "text/event-stream; charset=utf-8"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """An HTTP request. Header names are lower case; the path is without the stage and not yet unquoted."""

    method: str
    path: str
    headers: Mapping[str, str] = _NOTHING
    query: Mapping[str, str] = _NOTHING
    body: bytes = b""
    request_id: str = ""
    waited_s: float = 0.0  # from API Gateway to here
    caller: str | None = None  # a stable id of the API key, never the key; None where it is not known


class StreamedBody(Protocol):
    """A body that arrives in pieces, each to be sent on at once.

    Never raises: what goes wrong is one of its pieces. Whoever takes it calls `aclose` in the end, read to its end or
    not, and may do so twice; where the caller has gone, this is what stops the model server's work.
    """

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


class Response(NamedTuple):
    """An HTTP response. Header names are lower case."""

    status: int
    body: bytes | StreamedBody = b""
    headers: Mapping[str, str] = _NOTHING


def json_response(status: int, document: object, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response. Non-ASCII is escaped, so that even a lone surrogate from a model stays valid JSON."""
    return Response(status, json.dumps(document).encode(), {"content-type": JSON_TYPE, **(headers or {})})
